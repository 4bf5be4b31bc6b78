"""Fewer frames than a source gives, evenly spaced. Pure."""

_TOLERANCE = 0.1
"""Of the period: a camera's times jitter."""


class FrameSpacing:
    """Keeps the frames that lie at least a period after the last one kept.

    What the period leaves over is not caught up on: 25 frames a second thinned to 15 become 12.5,
    every second one, not now one and now two that a viewer would see as a stutter.
    """

    def __init__(self) -> None:
        self.frame_rate_hz: float | None = None
        """Most frames a second; None: all. May change at any time."""
        self._kept_ns: int | None = None

    def keep(self, time_ns: int) -> bool:
        """Whether to keep the frame of this time; times must not go back."""
        if self._kept_ns is not None and self.frame_rate_hz is not None:
            period_ns = 1e9 / self.frame_rate_hz
            if time_ns - self._kept_ns < period_ns * (1 - _TOLERANCE):
                return False
        self._kept_ns = time_ns
        return True
