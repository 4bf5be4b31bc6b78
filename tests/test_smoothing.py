import numpy as np
import pytest

from shared.smoothing import LandmarkSmoother

FRAME_NS = 40_000_000


def face(count: int = 100) -> np.ndarray:
    """A cloud of RMS radius 50, like a face in a 256-pixel crop."""
    points = np.random.default_rng(5).normal(size=(count, 3)) * 35.0 + 128.0
    return points.astype(np.float32)


def smoothed(frames: np.ndarray, step_ns: int = FRAME_NS) -> np.ndarray:
    smoother = LandmarkSmoother()
    return np.array([smoother.update(points, i * step_ns) for i, points in enumerate(frames)])


def test_noise_of_a_still_face_is_halved() -> None:
    noise = np.random.default_rng(1).normal(size=(200, 100, 3)) * 0.1
    frames = (face() + noise).astype(np.float32)
    result = smoothed(frames)[10:]
    assert (result - face())[:, :, :2].std() < 0.65 * 0.1


@pytest.mark.parametrize(("speed", "frames_late"), [(0.3, 1.0), (1.0, 0.35), (4.0, 0.05)])
def test_the_faster_the_motion_the_smaller_the_lag(speed: float, frames_late: float) -> None:
    steps = np.arange(30, dtype=np.float32)[:, None, None] * np.array([speed, 0.0, 0.0])
    frames = (face() + steps).astype(np.float32)
    lag = (frames - smoothed(frames))[10:, :, 0] / speed
    assert lag.min() >= 0.0
    assert lag.max() < frames_late


def test_a_blink_passes_while_the_rest_stays_calm() -> None:
    noise = np.random.default_rng(2).normal(size=(60, 100, 3)) * 0.1
    frames = (face() + noise).astype(np.float32)
    lids = slice(0, 8)
    closing = np.zeros(60, np.float32)
    closing[20:24] = (3.0, 6.0, 6.0, 2.0)
    frames[:, lids, 1] += closing[:, None]
    result = smoothed(frames)
    assert np.abs((result - frames)[20:24, lids, 1]).max() < 0.5
    assert (result - face())[10:, 8:, :2].std() < 0.08


def test_smoothing_depends_on_time_and_not_on_the_unit() -> None:
    noise = np.random.default_rng(3).normal(size=(200, 100, 3)) * 0.1
    frames = (face() + noise).astype(np.float32)
    twice_as_fast = smoothed(frames, FRAME_NS // 2)[20:]
    assert (twice_as_fast - face())[:, :, :2].std() < (smoothed(frames)[20:] - face())[
        :, :, :2
    ].std()
    np.testing.assert_allclose(smoothed(frames * 2.0), smoothed(frames) * 2.0, rtol=1e-4)


def test_a_gap_or_a_reset_begins_anew() -> None:
    smoother = LandmarkSmoother()
    smoother.update(face(), 0)
    moved = face() + np.float32(0.2)
    np.testing.assert_array_equal(smoother.update(moved, 10**9), moved)
    smoother.reset()
    np.testing.assert_array_equal(smoother.update(face(), 10**9 + FRAME_NS), face())


def test_time_that_stands_still_does_not_break_it() -> None:
    smoother = LandmarkSmoother()
    smoother.update(face(), 5)
    assert np.isfinite(smoother.update(face() + np.float32(0.1), 5)).all()
    assert np.isfinite(smoother.update(face() + np.float32(0.1), 4)).all()


def test_the_result_cannot_be_written_to() -> None:
    result = LandmarkSmoother().update(face(), 0)
    assert not result.flags.writeable
