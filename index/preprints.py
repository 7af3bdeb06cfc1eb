"""Tells preprints by the words that name where they are."""

import re

PREPRINT_WORDS = re.compile(r"[a-z]rxiv|\bpreprint|\bssrn\b|\bres(earch)? sq", re.IGNORECASE)
"""In the name of a source or a journal: bioRxiv, SSRN, Research Square."""
