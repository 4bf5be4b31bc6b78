"""What a thread of a quality run measures with: generators, trackers, networks, once each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from benchmarks.clip import ClipFrame
from benchmarks.face_observer import FaceObserver
from benchmarks.flicker import FlickerMeter
from benchmarks.head_region import face_mask
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.picture_metrics import sharpness
from sender.crop_image import crop_image
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import Generator
from shared.parameters import CROP_SIZE, Crop, FloatArray, Image
from shared.tracker import FaceTracker


@dataclass(frozen=True, slots=True)
class NamedGenerator:
    """A generator and what reports call it."""

    name: str
    generator: Generator


class QualityBench:
    """Not thread-safe; the model and the recognition network may be shared."""

    def __init__(
        self,
        model: FaceModel,
        generators: Sequence[NamedGenerator],
        identity: IdentityNetwork | None,
    ) -> None:
        """Compiles kernels and runs every network once."""
        self.model = model
        self.names = tuple(one.name for one in generators)
        self.renderers = tuple(FaceRenderer(model, one.generator) for one in generators)
        for renderer in self.renderers:
            renderer.warm_up()
        self.observer = FaceObserver(model)
        self.flicker = FlickerMeter()
        self._identity = identity
        self._tracker = FaceTracker(max_faces=1)
        self._trackers = tuple(FaceTracker(max_faces=1) for _ in generators)

    def begin_clip(self) -> None:
        """Forget the faces followed so far."""
        for tracker in (self._tracker, *self._trackers):
            tracker.reset()

    def face_in(self, image: Image, generator: int | None = None) -> FloatArray | None:
        """(478, 3) landmarks in pixels; None where no face is seen.

        Pictures of one generator follow each other, and so do true ones (`generator` None).
        """
        tracker = self._tracker if generator is None else self._trackers[generator]
        return next((face.points for face in tracker.track(image)), None)

    def embedding(self, image: Image, points: FloatArray | None) -> FloatArray | None:
        """The recognition network's vector; None without a network or a face."""
        if self._identity is None or points is None:
            return None
        return self._identity.embed(image, points)


class TrueFrame:
    """A driving frame's own picture and all that is measured on it, at most once."""

    def __init__(self, bench: QualityBench, image: Image) -> None:
        self.image = image
        self.points = bench.face_in(image)
        self._bench = bench

    @cached_property
    def embedding(self) -> FloatArray | None:
        return self._bench.embedding(self.image, self.points)

    @cached_property
    def face(self) -> np.ndarray:
        """Mask of the face; empty without one."""
        if self.points is None:
            return np.zeros(self.image.shape[:2], np.bool_)
        return face_mask(self.points, len(self.image))

    @cached_property
    def sharpness(self) -> float:
        return sharpness(self.image, self.face)


class TrueFrames:
    """Those of one clip, shared by whatever is compared with them."""

    def __init__(self, bench: QualityBench) -> None:
        self._bench = bench
        self._frames: dict[tuple[int, Crop], TrueFrame] = {}

    def at(self, frame: ClipFrame, crop: Crop) -> TrueFrame:
        key = (frame.index, crop)
        if key not in self._frames:
            self._frames[key] = TrueFrame(self._bench, crop_image(frame.image, crop, CROP_SIZE))
        return self._frames[key]


def at_measured_size(image: Image) -> Image:
    """As pictures are measured: of another size than CROP_SIZE they are resampled to it."""
    if image.shape[:2] == (CROP_SIZE, CROP_SIZE):
        return image
    smaller = image.shape[0] > CROP_SIZE
    resized = cv2.resize(
        image,
        (CROP_SIZE, CROP_SIZE),
        interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC,
    )
    return np.asarray(resized, np.uint8)
