"""Passages of a corpus and the searches over them. Knows nothing of `models` or `service`."""
