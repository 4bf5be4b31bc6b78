"""The arithmetic of the tracking benchmark, and the benchmark on a short clip."""

import math

import numpy as np
import pytest

from benchmarks.clip import Clip
from benchmarks.mediapipe_comparison import compare
from benchmarks.tracking import TrackingScores, _rms_px, mean_scores, measure_clip
from shared.face_model import FaceModel
from tests.material import data_dir


def _landmarks() -> np.ndarray:
    """(3, 478, 3): a face whose region is `192 * 1.25` pixels, upright."""
    points = np.full((478, 3), 128, np.float32)
    points[0, :2], points[1, :2] = (48, 60), (208, 160)
    points[33, 0], points[263, 0] = 100, 150
    return np.stack([points] * 3)


def test_compare_takes_mediapipes_half_pixel_slip_out() -> None:
    """A region of scale 1.25 puts MediaPipe's landmarks (1.25 - 1) / 2 to the right and below."""
    ours = _landmarks()
    theirs = ours.copy()
    theirs[..., :2] += 0.125
    found = compare(ours, theirs)
    assert found.median_px == pytest.approx(0.125 * math.sqrt(2), rel=1e-3)
    assert found.aligned_median_px == pytest.approx(0, abs=1e-4)
    assert found.missed == 0


def test_compare_counts_frames_that_one_side_missed() -> None:
    ours, theirs = _landmarks(), _landmarks()
    ours[0], theirs[1] = np.nan, np.nan
    assert compare(ours, theirs).missed == 2
    assert compare(ours, theirs).median_px == 0
    theirs[2] = np.nan
    assert math.isnan(compare(ours, theirs).median_px)


def test_rms_is_the_distance_from_the_mean_place() -> None:
    """One vertex that steps between two places 2 px apart is always 1 px from their mean."""
    vertices = np.zeros((10, 1, 3), np.float32)
    vertices[::2, 0, 0] = 2 / 128
    vertices[:, 0, 2] = np.arange(10)  # depth does not count
    assert _rms_px(vertices) == pytest.approx(1)


def test_mean_counts_each_clip_alike() -> None:
    first = TrackingScores(10, 1, *[1.0] * 11)
    second = TrackingScores(90, 0, *[2.0] * 11)
    assert mean_scores([first, second]) == TrackingScores(100, 1, *[1.5] * 11)


def test_a_short_clip() -> None:
    path = data_dir() / "faces" / "train" / "av2av_8_1.mp4"
    scores, landmarks = measure_clip(Clip.open(path), FaceModel.load())
    assert landmarks.shape == (scores.frames, 478, 3)
    assert scores.missed == 0
    assert scores.error_px < 1
    assert scores.lips_px < 1
    assert 0 < scores.jitter_px < scores.landmark_jitter_px
