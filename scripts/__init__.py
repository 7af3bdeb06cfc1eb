"""Commands: each parses its arguments, calls the packages and prints."""
