"""Refuses what other web sites make a browser send here."""

from urllib.parse import SplitResult, urlsplit

from flask import Request
from werkzeug.exceptions import Forbidden

_OURS = {"same-origin", "none"}  # none: typed, or opened from a bookmark


def parts_of(address: str) -> SplitResult:
    """Take an address apart; one that is none has empty parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def refuse_other_sites(request: Request) -> None:
    """Raise Forbidden for a request that a page of another site started.

    Every browser of today says in `Sec-Fetch-Site` where a request comes from, an older one names
    the page's origin with each POST; what says neither is no browser, and nobody misleads it.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        ours = site in _OURS
    else:
        ours = origin is None or parts_of(origin).netloc == request.host
    if not ours:
        raise Forbidden("This takes only what is sent from this service's own page.")
