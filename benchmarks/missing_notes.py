"""Reasons why cells of a table are empty, each said once below it."""


class MissingNotes:
    """Numbers reasons in the order in which they come."""

    def __init__(self) -> None:
        self._reasons: dict[str, int] = {}

    def cell(self, reason: str | None) -> str:
        """What stands in the cell."""
        number = self._reasons.setdefault(reason or "not measured", len(self._reasons) + 1)
        return f"({number})"

    def notes(self) -> tuple[str, ...]:
        """What stands below the table."""
        return tuple(f"({number}) {reason}" for reason, number in self._reasons.items())
