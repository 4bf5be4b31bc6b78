"""Freezes and landmark distances, on tracks whose answer is known."""

import numpy as np
import pytest

from benchmarks.agreement import TimedFace, compare, freeze_share, landmarks_at

_MS = 1_000_000


def _track(positions: list[float], *, period_ms: int = 40) -> list[TimedFace]:
    """A face of four points that stands at these x positions, one a period."""
    base = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    return [
        TimedFace(i * period_ms * _MS, base + np.array([x, 0], np.float32))
        for i, x in enumerate(positions)
    ]


def test_a_face_that_follows_never_freezes() -> None:
    track = _track([i * 0.5 for i in range(100)])
    assert freeze_share(track, track) == 0


def test_a_shown_face_that_stands_while_the_driver_moves_is_frozen() -> None:
    driven = _track([i * 0.5 for i in range(101)])
    # Pictures 20 to 30 show the same: the picture of 800 ms is seen until 1240 ms.
    shown = _track([20 * 0.5 if 20 <= i <= 30 else i * 0.5 for i in range(101)])
    assert freeze_share(shown, driven) == pytest.approx(11 * 40 / 4000)


def test_a_hole_between_pictures_is_a_freeze_too() -> None:
    driven = _track([i * 0.5 for i in range(101)])
    shown = [face for i, face in enumerate(driven) if not 40 <= i < 50]
    # Picture 39 is seen until picture 50 comes.
    assert freeze_share(shown, driven) == pytest.approx(11 * 40 / 4000)


def test_three_pictures_alike_are_no_freeze() -> None:
    driven = _track([i * 0.5 for i in range(101)])
    shown = _track([20 * 0.5 if 20 <= i <= 22 else i * 0.5 for i in range(101)])
    assert freeze_share(shown, driven) == 0


def test_a_driver_who_sits_still_freezes_nothing() -> None:
    shown = _track([0.0] * 100)
    driven = _track([0.05 * (i % 2) for i in range(100)])
    assert freeze_share(shown, driven) == 0


def test_too_little_shows_no_freeze() -> None:
    assert freeze_share([], []) == 0
    assert freeze_share(_track([0.0]), _track([0.0])) == 0


def test_landmarks_between_frames_are_interpolated() -> None:
    track = _track([0.0, 1.0])
    assert landmarks_at(track, 10 * _MS) == pytest.approx(track[0].points + np.array([0.25, 0]))
    assert landmarks_at(track, 40 * _MS) == pytest.approx(track[1].points)
    assert landmarks_at(track, 41 * _MS) is None
    assert landmarks_at(track, -1) is None
    assert landmarks_at([], 0) is None


def test_distances_are_means_over_pictures_with_both_faces() -> None:
    track = _track([0.0, 1.0, 3.0])
    points = [face.points for face in track]
    agreement = compare(
        [(points[1], points[0]), (points[2], points[0]), (None, points[0]), (points[0], None)],
        track,
        track,
    )
    assert agreement is not None
    assert agreement.akd_px == pytest.approx(2.0)
    assert (agreement.pictures, agreement.pictures_without_face) == (2, 1)
    assert compare([(None, points[0])], [], []) is None
