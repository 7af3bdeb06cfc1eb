"""Commands: each parses its arguments, calls the packages and prints."""

import sys

from scripts.ending import prepare

if sys.argv[0] == "-m":  # one of them is being run, not imported
    prepare()
