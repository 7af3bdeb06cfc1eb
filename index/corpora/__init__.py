"""Readers of corpus formats: each yields `Document`s, one at a time."""
