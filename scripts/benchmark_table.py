"""The table of a benchmark: a row for each measure, a column for each way to do the work."""

from collections.abc import Sequence


class Table:
    """Cells of one or more numbers, in the order of their coming."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Take the columns that come first; others are added as they are put."""
        self._columns = dict.fromkeys(columns)
        self._rows: dict[str, dict[str, tuple[float, ...]]] = {}

    def put(self, measure: str, column: str, *values: float) -> None:
        """Set a cell."""
        self._columns.setdefault(column)
        self._rows.setdefault(measure, {})[column] = values

    def get(self, measure: str, column: str) -> tuple[float, ...] | None:
        """Return a cell; None for an empty one."""
        return self._rows.get(measure, {}).get(column)

    def cells(self) -> dict[str, dict[str, list[float]]]:
        """Return the numbers: by measure, then by column."""
        return {
            measure: {column: list(values) for column, values in row.items()}
            for measure, row in self._rows.items()
        }

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [_line(["", *self._columns]), _line(["---"] * (1 + len(self._columns)))]
        for measure, row in self._rows.items():
            cells = (" / ".join(map(shown, row.get(column, ()))) for column in self._columns)
            lines.append(_line([measure, *(cell or "–" for cell in cells)]))
        return "\n".join(lines)


def shown(value: float) -> str:
    """Return a number with about three digits.

    >>> [shown(x) for x in (1234.5, 123.4, 12.34, 1.234, 0.01234, float("nan"))]
    ['1,234', '123', '12.3', '1.23', '0.012', 'none']
    """
    if value != value:  # noqa: PLR0124 - NaN
        return "none"
    digits = next((d for d, least in ((0, 100), (1, 10), (2, 1)) if abs(value) >= least), 3)
    return f"{value:,.{digits}f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
