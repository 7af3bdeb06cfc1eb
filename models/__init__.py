"""Neural models: text encoders and extractive readers. Knows nothing of `index` or `service`."""
