"""A still face is told from a moving one, whatever the tracker's noise."""

import math
from collections.abc import Iterable

import numpy as np

from sender.stillness import StillnessDetector
from shared.parameters import FaceParameters
from shared.reference_set import pose_expression_distance

_FRAME_NS = 40_000_000
_MOUTH = 3
"""Opens and closes it."""

_TREMBLING = (1, 2, 3, 4, 5, 6)


def _face(expression: np.ndarray | None = None, *, shift: float = 0.0) -> FaceParameters:
    camera = np.zeros(7, np.float32)
    camera[0], camera[4] = -1.0, shift
    wanted = np.zeros(28) if expression is None else expression
    return FaceParameters(capture_time=0, expression=wanted.astype(np.float32), camera=camera)


_REST = _face()
_SHIFT_OF_A_PIXEL = 0.1 / pose_expression_distance(_REST, _face(shift=0.1))


def _moved(pixels: float) -> FaceParameters:
    return _face(shift=pixels * _SHIFT_OF_A_PIXEL)


def _trembling(count: int, *, pixels: float = 0.27, drift_px: float = 0.0) -> list[FaceParameters]:
    """Noise of that mean distance in the face's shape, on a head that drifts so far a frame."""
    random = np.random.default_rng(5)
    expressions = np.zeros((count, 28))
    expressions[:, _TREMBLING] = random.normal(size=(count, len(_TREMBLING)))
    distances = [pose_expression_distance(_REST, _face(row)) for row in expressions]
    expressions *= pixels / np.mean(distances)
    return [
        _face(row, shift=index * drift_px * _SHIFT_OF_A_PIXEL)
        for index, row in enumerate(expressions)
    ]


def _told(detector: StillnessDetector, faces: Iterable[FaceParameters], start: int) -> list[bool]:
    return [
        detector.update(face, index * _FRAME_NS) for index, face in enumerate(faces, start=start)
    ]


def test_a_quiet_face_is_still_after_600_ms_and_until_it_moves_by_04_px() -> None:
    detector = StillnessDetector()
    told = _told(detector, [_REST] * 20, 0)
    assert told == [index >= 15 for index in range(20)]
    assert _told(detector, [_moved(0.36), _moved(0.44)], 20) == [True, False]


def test_a_face_that_only_trembles_becomes_still_and_stays_so() -> None:
    told = _told(StillnessDetector(), _trembling(500), 0)
    assert all(told[75:])


def test_a_trembling_face_that_moves_is_not_still() -> None:
    detector = StillnessDetector()
    faces = _trembling(200)
    assert _told(detector, faces, 0)[-1]
    assert _told(detector, [_moved(1.2)], 200) == [False]


def test_a_trembling_face_that_drifts_slowly_is_not_still_for_long() -> None:
    """A single frame's drift is lost in the noise, the mean's is not."""
    detector = StillnessDetector()
    _told(detector, _trembling(200), 0)
    told = _told(detector, _trembling(15, drift_px=0.06), 200)
    assert told[0]
    assert not told[-1]


def test_lively_motion_is_not_remembered_as_noise_that_hides_the_next() -> None:
    detector = StillnessDetector()
    lively = [_moved(4.0 * (index % 3)) for index in range(75)]
    told = _told(detector, [*lively, *[_REST] * 20, _moved(1.2)], 0)
    assert told[-2:] == [True, False]


def test_a_mouth_that_talks_quietly_is_not_still() -> None:
    """Four syllables a second, each way half a pixel in the mean over the face."""
    expression = np.zeros(28)
    expression[_MOUTH] = 1.0
    amplitude = 0.5 / pose_expression_distance(_REST, _face(expression))
    faces = [
        _face(expression * amplitude * math.sin(2 * math.pi * 4 * 0.04 * index))
        for index in range(500)
    ]
    assert not any(_told(StillnessDetector(), faces, 0))


def test_after_a_reset_stillness_must_be_seen_anew() -> None:
    detector = StillnessDetector()
    assert _told(detector, [_REST] * 20, 0)[-1]
    detector.reset()
    assert _told(detector, [_REST] * 16, 20) == [False] * 15 + [True]
