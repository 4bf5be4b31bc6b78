"""How long to wait before trying again."""

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 8.0


class Backoff:
    """Waits that double from FIRST_SECONDS to LONGEST_SECONDS, and begin anew after a success."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS

    def reset(self) -> None:
        """It worked: the next failure is a first one."""
        self._seconds = FIRST_SECONDS

    def next_seconds(self) -> float:
        """The wait after one more failure."""
        seconds = self._seconds
        self._seconds = min(2 * seconds, LONGEST_SECONDS)
        return seconds
