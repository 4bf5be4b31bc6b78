"""Where face and head lie in a picture, for measures that look at nothing else."""

import cv2
import numpy as np

from benchmarks.picture_metrics import Mask
from shared.face_model import FaceModel, Region
from shared.parameters import FaceParameters, FloatArray, Reference


def face_mask(points: FloatArray, size: int) -> Mask:
    """(size, size): the convex hull of landmarks (N, 2 or 3) in pixels."""
    return _hull(points[:, :2], size)


class HeadRegion:
    """The head of one set of references: face, skull, ears and hair, without the neck."""

    def __init__(self, model: FaceModel, reference: Reference) -> None:
        self._head = model.head(model.neutral(reference.identity), reference.parameters.camera)
        above = model.proxy_triangles[model.proxy_regions != Region.NECK]
        self._vertices = np.union1d(np.arange(len(model.mean)), above)

    def mask(self, parameters: FaceParameters, size: int) -> Mask:
        """(size, size): the convex hull of the head under `parameters`."""
        vertices = self._head.vertices(parameters)
        return _hull((vertices[self._vertices, :2] + 1) * np.float32(size / 2), size)


def _hull(points: FloatArray, size: int) -> Mask:
    """Pixel centres lie at i + 0.5."""
    mask = np.zeros((size, size), np.uint8)
    hull = cv2.convexHull((points - np.float32(0.5)).astype(np.float32))
    cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), 1)
    return mask.astype(bool)
