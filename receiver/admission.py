"""Whether one more party's picture can be rebuilt here: a limit that is set, or memory that ends.

Pure. How many parties a device has memory for is learned: when a reference finds no room, there
is room for one party less than were there, until one of them leaves.
"""

from receiver.rooms import RETRY_AFTER_SECONDS
from shared.errors import SignalingError


class Admission:
    """Counts parties. Not thread-safe."""

    def __init__(self, max_calls: int | None = None) -> None:
        self._max_calls = max_calls
        self._held: int | None = None
        """Parties that fill the device's memory; None while it has not been full."""

    def check(self, calls: int) -> str | None:
        """Why no party may join `calls` others; None where it may."""
        if calls == 0:
            self._held = None  # an empty device is asked afresh
        if self._max_calls is not None and calls >= self._max_calls:
            return "max_calls"
        if self._held is not None and calls >= self._held:
            return "device_memory"
        return None

    def refuse(self, reason: str, calls: int) -> SignalingError:
        """What the party is answered."""
        why = {
            "max_calls": f"{self._max_calls} are allowed",
            "device_memory": "the device's memory is full",
        }[reason]
        return SignalingError(
            503,
            f"the pictures of {calls} parties are rebuilt here, {why}",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    def memory_ran_out(self, calls: int) -> None:
        """A reference of one of `calls` parties found no room on the device."""
        self._held = max(calls - 1, 1)
