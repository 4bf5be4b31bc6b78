"""Faces followed from frame to frame: 478 landmarks each.

MediaPipe's face mesh with attention (arXiv 1907.06724, 2006.10962), on its networks converted to
ONNX and in its conventions: the detector gives a first region, each frame's landmarks give the
next frame's, and the detector runs again when a face is lost.
"""

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.face_detector import FaceDetector
from shared.face_region import FaceRegion
from shared.inference.ort import open_session
from shared.parameters import VERTEX_COUNT, FloatArray, Image, read_only

_ASSETS = Path(__file__).parent / "assets" / "tracker"
_DETECTOR = "face_detection_short_range.onnx"
_MESH = "face_landmark_with_attention.onnx"
_REFINED = "face_landmark_with_attention.json"
_SHA256 = {
    _DETECTOR: "9b3e2773959d66e7022ec3761f891033d052976b2a51d9f043a53d8ceee5c144",
    _MESH: "0234932133d59763607d86ebdb4a4d9a12d8bf38abfe47f61e56f3393c6f9461",
    _REFINED: "b43f0b61b36591feb4ef815289048f639940de5efaf5458f30f587dc60c5f109",
}

_SIDE = 192
"""Side of the mesh network's input in pixels."""

_MESH_VERTICES = 468
_EYE_CONTOUR = 16
"""So many of the first vertices of a refined eye are the rim of its opening."""

_SCORE_THRESHOLD = 0.5
_SAME_FACE_OVERLAP = 0.5
"""Regions that overlap more are taken for one face, as MediaPipe's association does."""

_DETECTION_INTERVAL = 25
"""Frames between two looks for further faces: one second of a call."""

_FURTHER_FACE_INTERVAL = 5
"""Frames between two looks at a further face, whose landmarks nobody draws: that it is still
there is all that a call asks, and each look costs as much as the main face."""


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """One face in one frame."""

    points: FloatArray
    """(478, 3) float32 frame pixels, continuous, pixel centres at i + 0.5; z in the same unit,
    growing away from the viewer, 0 near the middle of the head."""

    score: float
    """The network's belief that it sees a face, [0.5, 1]."""


class FaceTracker:
    """Follows up to `max_faces` faces of one camera. Not thread-safe."""

    def __init__(self, *, threads: int = 1, max_faces: int = 2) -> None:
        """Load the networks. Raises ConfigError without ONNX Runtime, ArtifactError for assets
        that are missing or changed."""
        if max_faces < 1:
            raise ConfigError(f"{max_faces} faces to track, at least 1 is needed")
        cv2.setNumThreads(threads)
        self._detector = FaceDetector(open_session(_asset(_DETECTOR), threads=threads))
        self._mesh = open_session(_asset(_MESH), threads=threads)
        self._mesh_input = self._mesh.inputs[0].name
        self._max_faces = max_faces
        self.reset()

    def reset(self) -> None:
        """Forget the faces: the next frame begins with a detection."""
        self._faces: list[Landmarks] = []
        self._frames_since_detection = 0

    def track(self, image: Image) -> tuple[Landmarks, ...]:
        """The faces seen in the next frame, (H, W, 3) uint8 RGB of any size.

        The main face comes first: the largest when tracking began, then the same one until it is
        lost. Further faces are looked for once a second and looked at five times a second; in
        between, their last landmarks stand for them.

        Raises InferenceError where a network fails; the tracker can go on with the next frame.
        """
        previous, self._faces = self._faces, []
        self._frames_since_detection += 1
        faces: list[Landmarks] = []
        for index, face in enumerate(previous):
            due = index == 0 or self._frames_since_detection % _FURTHER_FACE_INTERVAL == 0
            seen = self._look(image, FaceRegion.from_points(face.points)) if due else face
            if seen is not None and _is_new(seen, faces):
                faces.append(seen)
        if not faces or self._frames_since_detection >= _DETECTION_INTERVAL:
            faces = self._find_further(image, faces)
        self._faces = faces
        return tuple(faces)

    def _find_further(self, image: Image, faces: list[Landmarks]) -> list[Landmarks]:
        """`faces` and those the detector finds besides, the largest first, up to the limit."""
        self._frames_since_detection = 0
        if len(faces) >= self._max_faces:
            return faces
        faces = list(faces)
        for detection in sorted(self._detector.detect(image), key=lambda d: d.size, reverse=True):
            region = FaceRegion.from_detection(detection)
            if any(region.overlap(_region(face)) > _SAME_FACE_OVERLAP for face in faces):
                continue
            rough = self._look(image, region)
            # The detector's box is rough; a second look sees the face as tracking will.
            seen = rough and self._look(image, _region(rough))
            if seen is not None and _is_new(seen, faces):
                faces.append(seen)
                if len(faces) == self._max_faces:
                    break
        return faces

    def _look(self, image: Image, region: FaceRegion) -> Landmarks | None:
        """The face in a region; None where there is none."""
        pixels = region.cut_out(image, _SIDE)[None].astype(np.float32)
        pixels *= 1 / 255
        outputs = self._mesh.run({self._mesh_input: pixels})
        logit = float(outputs["conv_faceflag"].item())
        points = _assemble(outputs)
        if not (math.isfinite(logit) and np.isfinite(points).all()):
            raise InferenceError("the face mesh returned numbers that are not finite")
        score = 1 / (1 + math.exp(-max(logit, -100.0)))
        if score < _SCORE_THRESHOLD:
            return None
        matrix = region.to_frame(_SIDE)
        points[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        points[:, 2] *= region.size / _SIDE
        return Landmarks(points=read_only(points, np.float32), score=score)


def _region(face: Landmarks) -> FaceRegion:
    return FaceRegion.from_points(face.points)


def _is_new(seen: Landmarks, faces: list[Landmarks]) -> bool:
    """Whether no track in `faces` follows the same face."""
    region = _region(seen)
    return all(region.overlap(_region(face)) <= _SAME_FACE_OVERLAP for face in faces)


def _assemble(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """(478, 3) float64 in pixels of the cut-out: the mesh, its refined parts put in place.

    The refined parts have x and y alone. Lips and lids keep the mesh's z; the irises take the
    mean of their eye's rim (MediaPipe's tensors_to_face_landmarks_with_attention).
    """
    lips, first_eye, second_eye = _refined_vertices()
    points = np.empty((VERTEX_COUNT, 3))
    points[:_MESH_VERTICES] = outputs["output_mesh_identity"].reshape(-1, 3)
    points[lips, :2] = outputs["output_lips"].reshape(-1, 2)
    points[first_eye, :2] = outputs["output_left_eye"].reshape(-1, 2)
    points[second_eye, :2] = outputs["output_right_eye"].reshape(-1, 2)
    points[468:473, :2] = outputs["output_left_iris"].reshape(-1, 2)
    points[473:478, :2] = outputs["output_right_iris"].reshape(-1, 2)
    points[468:473, 2] = points[first_eye[:_EYE_CONTOUR], 2].mean()
    points[473:478, 2] = points[second_eye[:_EYE_CONTOUR], 2].mean()
    return points


@cache
def _refined_vertices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mesh vertices that the network's lips (80) and eyes (71 each) replace, in its order."""
    lists = json.loads(_asset(_REFINED))
    operation = "landmarks_to_transform_matrix_v2"
    lips, first_eye, second_eye = (
        read_only(lists[operation + suffix], np.int64) for suffix in ("", "_1", "_2")
    )
    return lips, first_eye, second_eye


def _asset(name: str) -> bytes:
    """A file of ours, whole and unchanged. Raises ArtifactError."""
    path = _ASSETS / name
    try:
        content = path.read_bytes()
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror}") from err
    found = hashlib.sha256(content).hexdigest()
    if found != _SHA256[name]:
        raise ArtifactError(f"{path}: SHA-256 {found[:12]}, {_SHA256[name][:12]} is needed")
    return content
