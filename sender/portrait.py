"""The built-in portrait as a camera: one picture moved by a recorded motion, warped to frames.

For trying Kilocall without a camera, and for its tests. The frames are real pictures: they are
tracked and fitted like any camera's.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from sender.capture import MAX_FPS, CapturedFrame, Pacer, RateCap, StageTimer
from shared.clock import SystemClock
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.fitting import FaceFitter
from shared.generator import load_generator
from shared.metrics import Metrics
from shared.parameters import (
    EXPRESSION_SIZE,
    PARAMETER_SIZE,
    Crop,
    FaceParameters,
    Image,
    Reference,
)
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix
from shared.tracker import FaceTracker

PORTRAIT_FOLDER = Path(__file__).parent.parent / "shared" / "assets" / "portrait"

MOTION_AMOUNT = 0.8
"""Of the recorded motion: another person's, on a picture that smiles already."""

_ROTATION = slice(EXPRESSION_SIZE + 1, EXPRESSION_SIZE + 4)
_TRANSLATION = slice(EXPRESSION_SIZE + 4, PARAMETER_SIZE)


class MovedPortrait:
    """The portrait in each of the poses of its motion. Not thread-safe."""

    def __init__(self, folder: Path = PORTRAIT_FOLDER) -> None:
        """Raises ArtifactError when the picture or the motion is missing or damaged."""
        model = FaceModel.load()
        picture, self._motion, self.fps = _load(folder, model)
        faces = FaceTracker(max_faces=1).track(picture)
        if not faces:
            raise ArtifactError(f"{folder}: no face in the portrait, one is expected")
        crop = Crop(x=0.0, y=0.0, size=float(picture.shape[0]))
        points = crop.to_image(faces[0].points).astype(np.float32)
        identity, self._rest = FaceFitter(model).fit_reference(points, 0)
        self._renderer = FaceRenderer(model, load_generator("warp", threads=1))
        self._prepared = self._renderer.prepare(
            Reference(0, 0, crop, identity, self._rest, picture)
        )

    @property
    def frame_count(self) -> int:
        """Frames of one round; the last is followed by the first."""
        return len(self._motion)

    def parameters(self, index: int) -> FaceParameters:
        """The pose and expression of a frame, 0 <= index < frame_count."""
        motion = MOTION_AMOUNT * self._motion[index]
        vector = self._rest.vector + motion
        turned = matrix_from_rotation_vector(motion[_ROTATION]) @ matrix_from_rotation_vector(
            self._rest.rotation
        )
        vector[_ROTATION] = rotation_vector_from_matrix(turned)
        scale = np.exp(self._rest.log_scale)
        vector[_TRANSLATION] = self._rest.translation + motion[_TRANSLATION] * scale
        return FaceParameters.from_vector(vector.astype(np.float32), capture_time=0)

    @property
    def rest(self) -> FaceParameters:
        """The picture's own pose and expression, capture time 0."""
        return self._rest

    def render(self, index: int) -> Image:
        """(256, 256, 3) uint8 RGB."""
        return self.draw(self.parameters(index))

    def draw(self, parameters: FaceParameters) -> Image:
        """The portrait in any pose and expression, (256, 256, 3) uint8 RGB."""
        return self._renderer.render(self._prepared, parameters)


class PortraitSource:
    """The moved portrait, in real time, again and again."""

    def __init__(self, *, clock: SystemClock, metrics: Metrics, fps: float = MAX_FPS) -> None:
        """Raises ArtifactError when the portrait's files are missing or damaged."""
        self._portrait = MovedPortrait()
        self._clock = clock
        self._metrics = metrics
        self._fps = fps
        self._pacer = Pacer(clock)
        self._portrait.render(0)  # kernels compile now, not in the first second of a call

    def close(self) -> None:
        self._pacer.stop()

    def frames(self) -> Iterator[CapturedFrame]:
        cap = RateCap(self._fps)
        timer = StageTimer(self._metrics)
        origin_ns = self._clock.now_ns()
        period_ns = round(1e9 / self._portrait.fps)
        number = 0
        while not self._pacer.stopped:
            # A machine that falls behind leaves frames out instead of slowing the motion.
            number = max(number, (self._clock.now_ns() - origin_ns) // period_ns)
            time_ns = origin_ns + number * period_ns
            if cap.keep(time_ns):
                start_ns = time.perf_counter_ns()
                image = self._portrait.render(number % self._portrait.frame_count)
                timer.add(start_ns)
                timer.finish()
                if not self._pacer.wait_until(time_ns):
                    return
                yield CapturedFrame(image, time_ns, self._clock.ticks_at(time_ns))
            elif not self._pacer.wait_until(time_ns):
                return
            number += 1


def _load(folder: Path, model: FaceModel) -> tuple[Image, NDArray[np.float64], float]:
    """The picture, its motion (N, 35) in terms of this face model, and frames a second."""
    try:
        with PillowImage.open(folder / "portrait.webp") as opened:
            picture = np.array(opened.convert("RGB"))
        with np.load(folder / "motion.npz", allow_pickle=False) as file:
            camera = file["camera"].astype(np.float64)
            weights = file["shape_weights"].astype(np.float64)
            offsets = file["shape_offsets"].astype(np.float64)
            fps = float(file["fps"])
    except Exception as error:  # a damaged archive raises zlib's errors, tokenize's and more
        raise ArtifactError(f"{folder} holds no portrait: {error}") from error
    # The file holds offsets of vertices: it knows no model's expressions.
    basis = model.expression_basis.reshape(EXPRESSION_SIZE, -1).astype(np.float64)
    expressions = np.linalg.lstsq(basis.T, offsets.reshape(len(offsets), -1).T, rcond=None)[0]
    return picture, np.hstack([weights @ expressions.T, camera]), fps
