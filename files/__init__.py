"""What all other packages need of files. Knows nothing of them."""
