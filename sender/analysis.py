"""A picture becomes parameters, and now and then a reference. Synchronous; for one thread.

    frame - track - smooth - crop - fit against the set's neutral --> parameters
                               \\--- quality - reference policy - compress --> reference

A set of references shares one crop and one identity, those of its first reference. When the crop
moves, a new set begins beside the old one, which goes on until the other side holds the new set's
first reference: until then it could not show the new parameters.
"""

from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from sender.byte_budget import ByteBudget
from sender.crop_image import crop_image
from sender.crop_policy import CropPolicy, HeadBox
from sender.face_state import FaceStateTracker, observed_state
from sender.frame_quality import measure_quality
from sender.immediate_executor import ImmediateExecutor
from sender.quality_scale import QualityScale
from sender.reference_encoder import EncodedReference, PublishedSet, ReferenceEncoder
from sender.reference_policy import Candidate, ReferencePolicy
from shared.control_message import FaceState
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.metrics import Metrics, Stage
from shared.parameters import CROP_SIZE, Crop, FaceParameters, FloatArray, Image
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker, Landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What one frame of a source shows."""

    state: FaceState
    """Debounced."""

    set_id: int
    """The set that `parameters` are in."""

    crop: Crop | None
    """The crop that `parameters` are in; None before the first face."""

    parameters: FaceParameters | None
    """None while no face is followed, or before there is a first reference."""

    reference: EncodedReference | None
    """To be sent now."""

    landmarks: FloatArray | None
    """(478, 3) frame pixels, smoothed; None when no face is followed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """The frame that is being analysed."""

    image: Image
    face: Landmarks
    points: FloatArray
    """(478, 3) frame pixels, smoothed."""

    capture_time: int
    time_ns: int


class FaceAnalyser:
    """Everything the sender computes from pictures.

    `reference_held` may be called from any thread; everything else from one.
    """

    def __init__(
        self,
        model: FaceModel,
        tracker: FaceTracker,
        *,
        size: int = CROP_SIZE,
        budget: ByteBudget | None = None,
        executor: Executor | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """`executor` compresses references; without one that is done inside `analyse`."""
        self._model = model
        self._tracker = tracker
        self._fitter = FaceFitter(model)
        self._size = size
        self._metrics = metrics or Metrics()
        self._encoder = ReferenceEncoder(
            budget=budget or ByteBudget(),
            executor=executor or ImmediateExecutor(),
            metrics=self._metrics,
        )
        self._smoother = LandmarkSmoother()
        self._crop_policy = CropPolicy(size=size)
        self._states = FaceStateTracker()
        self._scale = QualityScale()
        self._current: PublishedSet | None = None
        """What the other side holds, or the very first set."""
        self._next: PublishedSet | None = None
        """After a crop move, until the other side holds its first reference."""
        self._next_set_id = 0
        self._previous: FaceParameters | None = None
        self._previous_points: tuple[FloatArray, int] | None = None
        self._held: deque[tuple[int, int]] = deque(maxlen=64)

    def reference_held(self, set_id: int, reference_id: int) -> None:
        """The other side holds this reference."""
        self._held.append((set_id, reference_id))

    def sent_references(self) -> tuple[EncodedReference, ...]:
        """Those of the sets in use, first sent first; a new receiver needs them all again."""
        sets = [used for used in (self._current, self._next) if used is not None]
        return tuple(reference for used in sets for reference in used.sent.values())

    def analyse(self, frame: Image, capture_time: int, time_ns: int) -> Analysis:
        """Analyse the next frame (H, W, 3); times must increase.

        `capture_time` in ticks goes into the parameters, `time_ns` drives the policies.
        Raises InferenceError when the tracker's network fails.
        """
        self._take_confirmations()
        with self._metrics.timed(Stage.TRACK):
            faces = self._tracker.track(frame)
        height, width = frame.shape[:2]
        boxes = tuple(HeadBox.from_landmarks(face.points) for face in faces)
        observed = observed_state(boxes, width=width, height=height)
        state = self._states.update(observed, time_ns)
        if not faces:
            self._smoother.reset()
            self._previous = self._previous_points = None
            return self._result(state, None, None, self._encoder.finished(time_ns))
        points = self._smoother.update(faces[0].points, time_ns)
        moment = _Moment(frame, faces[0], points, capture_time, time_ns)
        crop = self._crop_policy.update(points, width=width, height=height, time_ns=time_ns)
        self._want(crop, time_ns)
        parameters = self._fit(moment)
        self._consider_reference(moment, parameters)
        reference = self._encoder.finished(time_ns)
        if parameters is None:  # the first reference of all was chosen from this very frame
            parameters = self._fit(moment)
        self._previous = parameters
        self._previous_points = (points, time_ns)
        return self._result(state, points, parameters, reference)

    def _result(
        self,
        state: FaceState,
        points: FloatArray | None,
        parameters: FaceParameters | None,
        reference: EncodedReference | None,
    ) -> Analysis:
        return Analysis(
            state=state,
            set_id=self._current.set_id if self._current else 0,
            crop=self._current.crop if self._current else None,
            parameters=parameters,
            reference=reference,
            landmarks=points,
        )

    def _take_confirmations(self) -> None:
        while self._held:
            set_id, reference_id = self._held.popleft()
            self._encoder.confirm(set_id, reference_id)
            if self._next and self._next.set_id == set_id and self._next.sent:
                self._current, self._next = self._next, None
                self._previous = None

    def _want(self, crop: Crop, time_ns: int) -> None:
        """Begin a set when the crop is another one than that of the newest set."""
        if self._next is not None and self._next.sent:
            if not self._encoder.overdue(time_ns):
                return  # under way; the crop after it waits for its confirmation
            self._next = None  # it never arrived: once more, as another set
        newest = self._next or self._current
        if newest is not None and newest.crop == crop:
            return
        fresh = PublishedSet(self._next_set_id, crop, ReferencePolicy(time_ns, self._scale))
        self._next_set_id = (self._next_set_id + 1) % 256
        if newest is not None:
            self._encoder.abandon(newest)
        if self._current is None or not self._current.sent:
            self._current = fresh
        else:
            if self._next is None:
                self._metrics.count("crop_moves")
            self._next = fresh

    def _fit(self, moment: _Moment) -> FaceParameters | None:
        """In the present set; None before its identity is known."""
        current = self._current
        if current is None or current.neutral is None:
            return None
        with self._metrics.timed(Stage.FIT):
            return self._fitter.fit(
                _to_image(current.crop, moment.points),
                current.neutral,
                capture_time=moment.capture_time,
                previous=self._previous,
            )

    def _consider_reference(self, moment: _Moment, parameters: FaceParameters | None) -> None:
        """Offer this frame to the policy, and start what it chooses."""
        target = self._next or self._current
        assert target is not None
        identity = target.identity
        points = _to_image(target.crop, moment.points)
        if identity is None:
            identity, parameters = self._fitter.fit_reference(points, moment.capture_time)
        elif target is not self._current:
            return  # its first reference is on its way
        assert parameters is not None
        if not target.policy.observe(parameters, moment.time_ns):
            return
        candidate = self._candidate(moment, target.crop, points, parameters)
        if target.identity is not None:
            target.policy.offer(candidate)
        if self._encoder.busy(moment.time_ns):
            return
        choice = target.policy.choose(moment.time_ns, candidate)
        if choice is None:
            return
        height, width = moment.image.shape[:2]
        started = self._encoder.start(target, choice, (width, height), moment.time_ns)
        if started and target.identity is None:
            # As the other side will have it, rounded: both then work with the same neutral.
            target.identity = identity_as_received(identity)
            target.neutral = self._model.neutral(target.identity)

    def _candidate(
        self, moment: _Moment, crop: Crop, points: FloatArray, parameters: FaceParameters
    ) -> Candidate:
        image = crop_image(moment.image, crop, self._size)
        quality = measure_quality(
            image,
            points,
            parameters,
            face_score=moment.face.score,
            motion=self._motion(moment, crop),
        )
        self._scale.note(quality)
        return Candidate(parameters, quality, image)

    def _motion(self, moment: _Moment, crop: Crop) -> float:
        """Mean speed of the mesh in crop sides a second."""
        if self._previous_points is None:
            return 0.0
        before, before_ns = self._previous_points
        moved = float(np.linalg.norm(moment.points[:, :2] - before[:, :2], axis=1).mean())
        return moved / crop.size / max((moment.time_ns - before_ns) / 1e9, 1e-3)


def _to_image(crop: Crop, points: FloatArray) -> FloatArray:
    return crop.to_image(points).astype(np.float32)
