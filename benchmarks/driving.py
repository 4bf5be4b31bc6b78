"""What a sender sends of a clip: parameters frame by frame, and references."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.clip import Clip, ClipFrame
from sender.analysis import FaceAnalyser
from sender.crop_image import crop_image
from sender.crop_policy import HeadBox, wanted_crop
from sender.reference_encoder import FIRST_IMAGE_BYTES, NEXT_IMAGE_BYTES, EncodedReference
from shared.clock import ticks_from_ns
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.parameters import CROP_SIZE, Crop, FaceParameters, FloatArray, Identity, Reference
from shared.reference_image import decode_reference_image, encode_reference_image
from shared.reference_parameters import parameters_as_received
from shared.reference_set import pose_expression_embedding
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker


@dataclass(frozen=True, slots=True, eq=False)
class DrivingFrame:
    """What is sent for one picture."""

    frame: ClipFrame
    crop: Crop | None
    """That the parameters are in; None before the first face."""

    parameters: FaceParameters | None
    """None where no face is followed."""

    set_id: int
    references: tuple[Reference, ...]
    """That arrive with this frame, as the receiver decodes them."""

    encoded: tuple[EncodedReference, ...] = ()
    """The same as they are sent; none of a source that knows the future."""


class PictureSource(Protocol):
    """A `Clip`, or what was made of one."""

    def frames(self) -> Iterator[ClipFrame]:
        """From the first to the last, in order."""


class DrivingSource(Protocol):
    """Plays a clip as a sender would."""

    def play(self) -> Iterator[DrivingFrame]:
        """From the first frame to the last."""


class PolicySource:
    """The sender itself: causal crop, causal reference policy, its byte budget."""

    def __init__(self, clip: PictureSource, model: FaceModel) -> None:
        self._clip = clip
        self._model = model

    def play(self) -> Iterator[DrivingFrame]:
        """Every reference arrives at once and is confirmed at once."""
        analyser = FaceAnalyser(self._model, FaceTracker())
        for frame in self._clip.frames():
            capture_time = ticks_from_ns(frame.time_ns)
            analysis = analyser.analyse(frame.image, capture_time, frame.time_ns)
            encoded = () if analysis.reference is None else (analysis.reference,)
            for sent in encoded:
                analyser.reference_held(sent.reference.set_id, sent.reference.reference_id)
            yield DrivingFrame(
                frame=frame,
                crop=analysis.crop,
                parameters=analysis.parameters,
                set_id=analysis.set_id,
                references=tuple(sent.reference for sent in encoded),
                encoded=encoded,
            )


@dataclass(frozen=True, slots=True, eq=False)
class TrackedClip:
    """A clip tracked once, for sources that know its future."""

    clip: Clip
    width: int
    height: int
    times_ns: tuple[int, ...]
    landmarks: tuple[FloatArray | None, ...]
    """(478, 3) frame pixels of each frame, smoothed as the sender does."""

    @classmethod
    def track(cls, clip: Clip) -> "TrackedClip":
        """Raises ArtifactError when no frame shows a face."""
        tracker, smoother = FaceTracker(), LandmarkSmoother()
        landmarks: list[FloatArray | None] = []
        times_ns: list[int] = []
        height = width = 0
        for frame in clip.frames():
            height, width = frame.image.shape[:2]
            times_ns.append(frame.time_ns)
            faces = tracker.track(frame.image)
            if faces:
                landmarks.append(smoother.update(faces[0].points, frame.time_ns))
            else:
                smoother.reset()
                landmarks.append(None)
        if all(points is None for points in landmarks):
            raise ArtifactError(f"{clip.path}: no face in {len(landmarks)} frames, one is needed")
        return cls(clip, width, height, tuple(times_ns), tuple(landmarks))

    def crop_at(self, index: int) -> Crop:
        """The crop around one frame's face; the whole picture where it is a crop already."""
        if self.width == self.height == CROP_SIZE:
            return Crop(x=0, y=0, size=CROP_SIZE)
        points = self.landmarks[index]
        assert points is not None
        head = HeadBox.from_landmarks(points)
        return wanted_crop(head, width=self.width, height=self.height)


class FixedSource:
    """A clip with given frames as references, all there from the start: one crop, one identity."""

    def __init__(
        self, tracked: TrackedClip, model: FaceModel, reference_frames: Sequence[int]
    ) -> None:
        """Raises ArtifactError when one of the frames is not there or shows no face."""
        self._tracked = tracked
        for index in reference_frames:
            count = len(tracked.landmarks)
            if not 0 <= index < count:
                raise ArtifactError(
                    f"{tracked.clip.path}: reference {index}, frames 0..{count - 1}"
                )
            if tracked.landmarks[index] is None:
                raise ArtifactError(f"{tracked.clip.path}: no face in reference frame {index}")
        self._crop = tracked.crop_at(reference_frames[0])
        self._identity, self._parameters = fit_clip(tracked, model, reference_frames[0], self._crop)
        self._reference_frames = tuple(reference_frames)

    def play(self) -> Iterator[DrivingFrame]:
        references = self._references()
        for frame in self._tracked.clip.frames():
            yield DrivingFrame(frame, self._crop, self._parameters[frame.index], 0, references)
            references = ()

    def _references(self) -> tuple[Reference, ...]:
        wanted = set(self._reference_frames)
        images = {
            frame.index: crop_image(frame.image, self._crop, CROP_SIZE)
            for frame in self._tracked.clip.frames()
            if frame.index in wanted
        }
        references = []
        for number, index in enumerate(self._reference_frames):
            parameters = self._parameters[index]
            assert parameters is not None
            budget = NEXT_IMAGE_BYTES if number else FIRST_IMAGE_BYTES
            picture = encode_reference_image(images[index], budget)
            references.append(
                Reference(
                    set_id=0,
                    reference_id=number,
                    crop=self._crop,
                    identity=self._identity,
                    parameters=parameters_as_received(parameters),
                    image=decode_reference_image(picture.data, picture.image_format),
                )
            )
        return tuple(references)


def fit_clip(
    tracked: TrackedClip, model: FaceModel, first: int, crop: Crop
) -> tuple[Identity, tuple[FaceParameters | None, ...]]:
    """The identity from frame `first` and every frame's parameters with it."""
    fitter = FaceFitter(model)
    points = tracked.landmarks[first]
    assert points is not None
    times = [ticks_from_ns(time_ns) for time_ns in tracked.times_ns]
    image_points = crop.to_image(points).astype(np.float32)
    identity, own = fitter.fit_reference(image_points, times[first])
    identity = identity_as_received(identity)
    neutral = model.neutral(identity)
    parameters: list[FaceParameters | None] = []
    previous: FaceParameters | None = None
    for index, points in enumerate(tracked.landmarks):
        if points is not None:
            image_points = crop.to_image(points).astype(np.float32)
            previous = fitter.fit(
                image_points, neutral, capture_time=times[index], previous=previous
            )
        parameters.append(None if points is None else previous)
    parameters[first] = own
    return identity, tuple(parameters)


def first_face(tracked: TrackedClip) -> int:
    """The first frame with a face."""
    return next(index for index, points in enumerate(tracked.landmarks) if points is not None)


def choose_references(tracked: TrackedClip, model: FaceModel, count: int) -> tuple[int, ...]:
    """The `count` frames that together lie nearest to all (greedy): an optimum, not causal."""
    crop = tracked.crop_at(first_face(tracked))
    _, parameters = fit_clip(tracked, model, first_face(tracked), crop)
    indices = [index for index, frame in enumerate(parameters) if frame is not None]
    points = np.stack(
        [pose_expression_embedding(frame) for frame in parameters if frame is not None]
    )
    chosen: list[int] = []
    nearest = np.full(len(points), np.inf)
    for _ in range(min(count, len(points))):
        costs = [
            np.minimum(nearest, np.linalg.norm(points - candidate, axis=1)).mean()
            for candidate in points
        ]
        best = int(np.argmin(costs))
        chosen.append(indices[best])
        nearest = np.minimum(nearest, np.linalg.norm(points - points[best], axis=1))
    return tuple(chosen)
