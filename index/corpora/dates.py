"""Reads the dates of publication of a release's records, which come in several notations."""

import re
from datetime import UTC, date, datetime, timedelta

_AHEAD = timedelta(days=366)  # a journal's issue may be dated later than it comes out
_NOTATION = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?|(\d{2})(\d{2}))?(?:[T ]\d{1,2}:\d.*)?", re.ASCII
)


def read_date(text: str) -> str:
    """Return a date of reduced precision as far as the calendar has it, "" for any other text.

    Of several the first counts. One more than a year after today is none.

    >>> read_date("2020-02-30"), read_date("2020-13"), read_date("March 2020")
    ('2020-02', '2020', '')
    >>> read_date("20200403"), read_date("2020-4-1T00:00:00"), read_date("2020-04-01; 2020-05")
    ('2020-04-03', '2020-04-01', '2020-04-01')
    """
    found = _NOTATION.fullmatch(text.split(";", maxsplit=1)[0].strip())
    if not found:
        return ""
    year, month, day = found[1], found[2] or found[4], found[3] or found[5]
    parts = [part.zfill(2) for part in (year, month, day) if part]
    latest = datetime.now(UTC).date() + _AHEAD
    for count in range(len(parts), 0, -1):
        try:
            begins = date(*(int(part) for part in [*parts[:count], "1", "1"][:3]))
        except ValueError:
            continue
        return "-".join(parts[:count]) if begins <= latest else ""
    return ""
