"""Frames are thinned evenly."""

import itertools

import pytest

from sender.frame_spacing import FrameSpacing


@pytest.mark.parametrize(
    ("source_hz", "most_hz", "kept_hz"),
    [(25, 15, 12.5), (25, 10, 25 / 3), (30, 15, 15), (30, 10, 10), (12, 15, 12), (25, None, 25)],
)
def test_the_rate_is_kept_and_even(source_hz: float, most_hz: float | None, kept_hz: float) -> None:
    spacing = FrameSpacing()
    spacing.frame_rate_hz = most_hz
    times = [round(index * 1e9 / source_hz) for index in range(300)]
    kept = [time_ns for time_ns in times if spacing.keep(time_ns)]
    steps = {round((b - a) * source_hz / 1e9) for a, b in itertools.pairwise(kept)}
    assert len(steps) == 1
    assert len(kept) / 300 * source_hz == pytest.approx(kept_hz, rel=0.02)


def test_a_new_rate_holds_from_the_next_frame_on() -> None:
    spacing = FrameSpacing()
    assert spacing.keep(0)
    assert spacing.keep(40_000_000)
    spacing.frame_rate_hz = 10.0
    assert not spacing.keep(80_000_000)
    assert spacing.keep(140_000_000)
