"""Makes the checkout's own packages importable from the tests."""
