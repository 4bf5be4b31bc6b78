"""Faces in a whole frame: MediaPipe's short-range detector (BlazeFace, arXiv 1907.05047).

The decoding follows MediaPipe's graph face_detection_short_range: 896 anchors of one fixed size,
boxes and six key points relative to them, then weighted non-maximum suppression.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from shared.errors import InferenceError
from shared.inference.session import Session
from shared.parameters import FloatArray, Image, read_only

RIGHT_EYE_KEY_POINT = 0
"""The person's right eye, left in the picture."""

LEFT_EYE_KEY_POINT = 1

_SIDE = 128
"""Side of the network's input in pixels."""

_KEY_POINTS = 6
_GRIDS = ((16, 2), (8, 6))
"""Cells a side, anchors a cell: one layer of stride 8, three of stride 16 with two each."""

_OVERLAP_THRESHOLD = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class FaceDetection:
    """One face, roughly placed."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom in frame pixels; may reach beyond the frame."""

    key_points: FloatArray
    """(6, 2) float32 frame pixels: right eye, left eye, nose, mouth, right ear, left ear."""

    score: float
    """[0.5, 1]."""

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


class FaceDetector:
    """Finds all faces of a frame. Stateless but for the network's buffers."""

    def __init__(self, session: Session) -> None:
        """`session` runs face_detection_short_range.onnx."""
        self._session = session
        self._input = session.inputs[0].name
        self._anchors = anchors()

    def detect(self, image: Image) -> list[FaceDetection]:
        """Faces by falling score. Raises InferenceError where the network fails."""
        height, width = image.shape[:2]
        scale = _SIDE / max(height, width)
        outputs = self._session.run({self._input: _letterbox(image, scale)})
        logits, regressors = outputs["classificators"][0, :, 0], outputs["regressors"][0]
        if not (np.isfinite(logits).all() and np.isfinite(regressors).all()):
            raise InferenceError("the face detector returned numbers that are not finite")
        boxes, key_points, scores = decode(logits, regressors, self._anchors)
        # The letterbox is centred, as near as whole pixels allow.
        offset = (_SIDE - np.array([width, height], np.float32) * scale) // 2
        return [
            _detection(box, points, score, offset=offset, scale=scale)
            for box, points, score in weighted_suppression(boxes, key_points, scores)
        ]


def anchors() -> FloatArray:
    """(896, 2) centres of the anchors in pixels of the network's input, in the network's order."""
    layers = []
    for cells, per_cell in _GRIDS:
        centres = (np.arange(cells, dtype=np.float32) + 0.5) * (_SIDE / cells)
        rows, columns = np.meshgrid(centres, centres, indexing="ij")
        layers.append(np.stack([columns.ravel(), rows.ravel()], axis=1).repeat(per_cell, axis=0))
    return np.concatenate(layers)


def decode(
    logits: FloatArray, regressors: FloatArray, centres: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Boxes (N, 4: left, top, right, bottom), key points (N, 6, 2) and scores (N,) of the anchors
    that may be faces, in network pixels.

    Args:
        logits: (896,).
        regressors: (896, 16) centre, width and height, six key points, in pixels from the anchor.
        centres: (896, 2) of `anchors`.
    """
    likely = logits >= 0  # where the logistic function gives the threshold, 0.5
    raw, centre = regressors[likely], centres[likely]
    scores = (1 / (1 + np.exp(-logits[likely]))).astype(np.float32)
    middle, half = raw[:, :2] + centre, raw[:, 2:4] / 2
    boxes = np.concatenate([middle - half, middle + half], axis=1)
    key_points = raw[:, 4:].reshape(-1, _KEY_POINTS, 2) + centre[:, None]
    return boxes, key_points, scores


def weighted_suppression(
    boxes: FloatArray, key_points: FloatArray, scores: FloatArray
) -> list[tuple[FloatArray, FloatArray, float]]:
    """Boxes that overlap become one, their mean weighted by score; the best score is kept.

    Takes what `decode` returns and gives box (4,), key points (6, 2) and score of each face, by
    falling score. MediaPipe's NonMaxSuppressionCalculator, algorithm WEIGHTED.
    """
    faces = []
    left = scores.argsort(kind="stable")[::-1]
    while left.size:
        best = left[0]
        close = _overlaps(boxes[best], boxes[left]) > _OVERLAP_THRESHOLD
        close[0] = True  # itself, even where its box is empty: the loop must end
        group = left[close]
        weights = scores[group] / scores[group].sum()
        faces.append(
            (
                np.tensordot(weights, boxes[group], axes=1),
                np.tensordot(weights, key_points[group], axes=1),
                float(scores[best]),
            )
        )
        left = left[~close]
    return faces


def _overlaps(box: FloatArray, others: FloatArray) -> FloatArray:
    """Shared area over united area of (4,) and (N, 4) boxes: (N,)."""
    shared = (np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])).clip(min=0)
    shared_area = shared.prod(axis=1)
    united = _area(box[None]) + _area(others) - shared_area
    return np.divide(shared_area, united, out=np.zeros_like(united), where=united > 0)


def _area(boxes: FloatArray) -> FloatArray:
    return (boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1)


def _letterbox(image: Image, scale: float) -> FloatArray:
    """(1, 128, 128, 3) in [-1, 1]: the frame scaled to fit, black around it."""
    height, width = image.shape[:2]
    columns, rows = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (_SIDE - columns) // 2, (_SIDE - rows) // 2
    mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    boxed = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    boxed[top : top + rows, left : left + columns] = cv2.resize(
        image, (columns, rows), interpolation=mode
    )
    return boxed[np.newaxis].astype(np.float32) * (2 / 255) - 1


def _detection(
    box: FloatArray, key_points: FloatArray, score: float, *, offset: FloatArray, scale: float
) -> FaceDetection:
    left, top, right, bottom = ((box.reshape(2, 2) - offset) / scale).ravel().tolist()
    return FaceDetection(
        box=(left, top, right, bottom),
        key_points=read_only((key_points - offset) / scale, np.float32),
        score=score,
    )
