"""The built-in portrait: a crop of a public-domain picture and the recorded motion of a clip.

Only numbers are taken from the clip: how its pose and expression differ from their mean, frame
after frame, made to begin where they end. `sender.portrait` moves the picture by them. Expressions
are kept as offsets of vertices (their main components), so that the file outlives a face model.
"""

import io
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.parameters import EXPRESSION_SIZE, PARAMETER_SIZE, Crop, FaceParameters
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker

PORTRAIT_FOLDER = Path(__file__).parent.parent / "shared" / "assets" / "portrait"

_SIDE = 256
_FACE_HEIGHTS = 2.2
_FPS = 25.0
_BLEND_FRAMES = 20
"""Over so many frames the end runs into the beginning."""

_SHAPE_COMPONENTS = 16
"""Of a talking face's expressions they leave less than a tenth of a pixel."""

_FOREHEAD, _CHIN = 10, 152


def build_portrait(picture: Path, clip: Path, folder: Path = PORTRAIT_FOLDER) -> None:
    """Write portrait.webp and motion.npz.

    `picture`: any picture of a face; `clip`: a 25 fps video of one face, 256 x 256.
    Raises ArtifactError when there is no face in one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "portrait.webp").write_bytes(_cropped(picture))
    model = FaceModel.load()
    motion = closed_loop(_recorded_motion(clip, model))
    offsets = motion[:, :EXPRESSION_SIZE] @ model.expression_basis.reshape(EXPRESSION_SIZE, -1)
    u, singular, vt = np.linalg.svd(offsets, full_matrices=False)
    count = _SHAPE_COMPONENTS
    np.savez_compressed(
        folder / "motion.npz",
        camera=motion[:, EXPRESSION_SIZE:].astype(np.float32),  # (N, 7)
        shape_weights=(u * singular)[:, :count].astype(np.float16),  # (N, 16)
        shape_offsets=vt[:count].reshape(count, -1, 3).astype(np.float16),  # (16, 478, 3)
        fps=np.float64(_FPS),
    )


def closed_loop(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 35) -> (N - 20, 35): the last frames blend into those before the first."""
    ramp = np.linspace(0, 1, _BLEND_FRAMES + 2)[1:-1, None]
    weight = ramp * ramp * (3 - 2 * ramp)
    loop = motion[_BLEND_FRAMES:].copy()
    loop[-_BLEND_FRAMES:] += weight * (motion[:_BLEND_FRAMES] - loop[-_BLEND_FRAMES:])
    return loop


def _cropped(path: Path) -> bytes:
    picture = np.asarray(PillowImage.open(path).convert("RGB"))
    faces = FaceTracker(max_faces=1).track(picture)
    if not faces:
        raise ArtifactError(f"{path}: no face found, a portrait is expected")
    points = faces[0].points
    size = round(_FACE_HEIGHTS * float(np.linalg.norm(points[_FOREHEAD] - points[_CHIN])))
    # The hair is part of the head: its middle lies above that of the mesh.
    centre = points[[_FOREHEAD, _CHIN], :2].mean(0) + 0.1 * (points[_FOREHEAD] - points[_CHIN])[:2]
    left, top = (round(float(value) - size / 2) for value in centre)
    box = (max(left, 0), max(top, 0), max(left, 0) + size, max(top, 0) + size)
    crop = PillowImage.fromarray(picture).resize(
        (_SIDE, _SIDE), PillowImage.Resampling.LANCZOS, box
    )
    buffer = io.BytesIO()
    crop.save(buffer, "WEBP", quality=92, method=6)
    return buffer.getvalue()


def _recorded_motion(clip: Path, model: FaceModel) -> NDArray[np.float64]:
    """(N, 35): expression, log scale, rotation vector and translation less their means.

    Translation in units of the face's scale, rotation from the mean pose's axes.
    """
    tracker, fitter, smoother = FaceTracker(max_faces=1), FaceFitter(model), LandmarkSmoother()
    neutral = None
    previous: FaceParameters | None = None
    vectors = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(container.streams.video[0])):
            faces = tracker.track(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if not faces:
                raise ArtifactError(f"{clip}: no face in frame {index}, one is expected in all")
            smooth = smoother.update(faces[0].points, round(index * 1e9 / _FPS))
            points = Crop(0, 0, frame.width).to_image(smooth.copy()).astype(np.float32)
            if neutral is None:
                neutral = model.neutral(fitter.fit_reference(points, 0)[0])
            previous = fitter.fit(points, neutral, capture_time=0, previous=previous)
            vectors.append(previous.vector.astype(np.float64))
    recorded = np.array(vectors)
    assert recorded.shape[1] == PARAMETER_SIZE
    mean = recorded.mean(0)
    motion = recorded - mean
    rotation = slice(EXPRESSION_SIZE + 1, EXPRESSION_SIZE + 4)
    mean_rotation = matrix_from_rotation_vector(mean[rotation])
    motion[:, rotation] = [
        rotation_vector_from_matrix(matrix_from_rotation_vector(vector[rotation]) @ mean_rotation.T)
        for vector in recorded
    ]
    motion[:, EXPRESSION_SIZE + 4 :] /= np.exp(mean[EXPRESSION_SIZE])
    return motion
