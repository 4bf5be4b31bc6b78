"""A picture becomes parameters, and now and then a reference. Synchronous; for one thread.

    frame - track - smooth - crop - fit against the set's neutral --> parameters
                               \\--- quality - reference policy - compress --> reference

A set of references shares one crop and one identity, those of its first reference. When the crop
moves, a new set begins beside the old one, which goes on until the other side holds the new set's
first reference: until then it could not show the new parameters.
"""

from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from sender.byte_budget import ByteBudget
from sender.crop_image import crop_image
from sender.crop_policy import CropPolicy, HeadBox
from sender.face_state import FaceStateTracker, observed_state
from sender.frame_quality import measure_quality
from sender.immediate_executor import ImmediateExecutor
from sender.reference_policy import Candidate, Choice, QualityScale, ReferencePolicy
from shared.control_message import FaceState
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.metrics import Metrics, Stage
from shared.parameters import (
    CROP_SIZE,
    Crop,
    FaceParameters,
    FloatArray,
    Identity,
    Image,
    Reference,
)
from shared.reference_image import EncodedImage, decode_reference_image, encode_reference_image
from shared.reference_parameters import parameters_as_received
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker, Landmarks

FIRST_IMAGE_BYTES = 3_600
NEXT_IMAGE_BYTES = 2_600
LEAST_IMAGE_BYTES = 1_400
"""A picture of less is not worth sending; the policy waits for the budget instead."""

IDENTITY_BYTES = 1_500
OVERHEAD_BYTES = 250
"""Of the control messages around a picture: begin, chunk headers, end."""

HELD_TIMEOUT_NS = 6_000_000_000
"""A reference not confirmed after so long no longer holds up the next one."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedReference:
    """A reference as it is sent: `reference.image` is what `picture` decodes to."""

    reference: Reference
    picture: EncodedImage
    frame_width: int
    """Of the camera frame that the crop lies in, pixels."""

    frame_height: int


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


@dataclass(slots=True, eq=False)
class _Set:
    """A set of references, from the wish for it on."""

    set_id: int
    crop: Crop
    policy: ReferencePolicy
    identity: Identity | None = None
    """None until its first reference was chosen."""

    neutral: FloatArray | None = None
    sent: dict[int, EncodedReference] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A reference that is being compressed."""

    target: _Set
    choice: Choice
    result: Future[tuple[EncodedImage, Image]]
    frame_width: int
    frame_height: int


class FaceAnalyser:
    """Everything the sender computes from pictures.

    `reference_held` and `resend` may be called from any thread; everything else from one.
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
        self._budget = budget or ByteBudget()
        self._executor = executor or ImmediateExecutor()
        self._metrics = metrics or Metrics()
        self._smoother = LandmarkSmoother()
        self._crop_policy = CropPolicy(size=size)
        self._states = FaceStateTracker()
        self._scale = QualityScale()
        self._current: _Set | None = None
        """What the other side holds, or the very first set."""
        self._next: _Set | None = None
        """After a crop move, until the other side holds its first reference."""
        self._next_set_id = 0
        self._previous: FaceParameters | None = None
        self._previous_points: tuple[FloatArray, int] | None = None
        self._job: _Job | None = None
        self._unconfirmed: tuple[int, int, int] | None = None  # set, reference, time_ns sent
        self._held: deque[tuple[int, int]] = deque(maxlen=64)

    def reference_held(self, set_id: int, reference_id: int) -> None:
        """The other side holds this reference."""
        self._held.append((set_id, reference_id))

    def sent_references(self) -> tuple[EncodedReference, ...]:
        """Those of the present set, oldest id first; a new receiver needs them all again."""
        current = self._current
        return tuple((current.sent or {}).values()) if current else ()

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
            return self._result(state, None, None, self._finished(time_ns))
        points = self._smoother.update(faces[0].points, time_ns)
        crop = self._crop_policy.update(points, width=width, height=height, time_ns=time_ns)
        self._want(crop, time_ns)
        parameters = self._fit(points, capture_time)
        self._consider_reference(frame, faces[0], points, parameters, capture_time, time_ns)
        reference = self._finished(time_ns)
        if parameters is None:  # the first reference of all was chosen from this very frame
            parameters = self._fit(points, capture_time)
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
            if self._unconfirmed and self._unconfirmed[:2] == (set_id, reference_id):
                self._unconfirmed = None
            if self._next and self._next.set_id == set_id and self._next.sent:
                self._current, self._next = self._next, None
                self._previous = None

    def _want(self, crop: Crop, time_ns: int) -> None:
        """Begin a set when the crop is another one than that of the newest set."""
        newest = self._next or self._current
        if newest is not None and newest.crop == crop:
            return
        if self._next is not None and self._next.sent:
            return  # under way; the crop after it waits for its confirmation
        fresh = _Set(self._next_set_id, crop, ReferencePolicy(time_ns, self._scale))
        self._next_set_id = (self._next_set_id + 1) % 256
        if self._job is not None and self._job.target is newest:
            self._job = None
        if self._current is None or not self._current.sent:
            self._current = fresh
        else:
            self._next = fresh
            self._metrics.count("crop_moves")

    def _fit(self, points: FloatArray, capture_time: int) -> FaceParameters | None:
        """In the present set; None before its identity is known."""
        if self._current is None or self._current.neutral is None:
            return None
        with self._metrics.timed(Stage.FIT):
            return self._fitter.fit(
                _to_image(self._current.crop, points),
                self._current.neutral,
                capture_time=capture_time,
                previous=self._previous,
            )

    def _consider_reference(
        self,
        frame: Image,
        face: Landmarks,
        points: FloatArray,
        parameters: FaceParameters | None,
        capture_time: int,
        time_ns: int,
    ) -> None:
        target = self._next or self._current
        assert target is not None
        image_points = _to_image(target.crop, points)
        identity = target.identity
        if identity is None:
            identity, parameters = self._fitter.fit_reference(image_points, capture_time)
        elif target is not self._current:
            return  # its first reference is on its way
        assert parameters is not None
        if not target.policy.observe(parameters, time_ns):
            return
        image = crop_image(frame, target.crop, self._size)
        quality = measure_quality(
            image,
            image_points,
            parameters,
            face_score=face.score,
            motion=self._motion(points, time_ns, target.crop),
        )
        self._scale.note(quality)
        candidate = Candidate(parameters, quality, image)
        if target.identity is not None:
            target.policy.offer(candidate)
        if self._busy(time_ns):
            return
        choice = target.policy.choose(time_ns, candidate)
        started = choice is not None and self._start(target, choice, frame, time_ns)
        if started and target.identity is None:
            # As the other side will have it, rounded: both then work with the same neutral.
            target.identity = identity_as_received(identity)
            target.neutral = self._model.neutral(target.identity)

    def _busy(self, time_ns: int) -> bool:
        if self._job is not None:
            return True
        return self._unconfirmed is not None and time_ns - self._unconfirmed[2] < HELD_TIMEOUT_NS

    def _start(self, target: _Set, choice: Choice, frame: Image, time_ns: int) -> bool:
        """Begin to compress; False when the budget is empty."""
        first = target.identity is None
        overhead = OVERHEAD_BYTES + (IDENTITY_BYTES if first else 0)
        wanted = FIRST_IMAGE_BYTES if first else NEXT_IMAGE_BYTES
        allowed = min(wanted, self._budget.available(time_ns) - overhead)
        if allowed < LEAST_IMAGE_BYTES:
            self._metrics.count("references_deferred", "budget")
            return False
        result = self._executor.submit(_compress, choice.candidate.image, allowed)
        self._job = _Job(target, choice, result, frame.shape[1], frame.shape[0])
        return True

    def _finished(self, time_ns: int) -> EncodedReference | None:
        """The reference that was being compressed, once it is."""
        job = self._job
        if job is None or not job.result.done():
            return None
        self._job = None
        picture, image = job.result.result()
        target, choice = job.target, job.choice
        assert target.identity is not None
        reference = Reference(
            set_id=target.set_id,
            reference_id=choice.reference_id,
            crop=target.crop,
            identity=target.identity,
            parameters=parameters_as_received(choice.candidate.parameters),
            image=image,
        )
        encoded = EncodedReference(reference, picture, job.frame_width, job.frame_height)
        first = not target.sent
        target.sent = {**(target.sent or {}), choice.reference_id: encoded}
        target.policy.sent(choice, time_ns)
        spent = len(picture.data) + OVERHEAD_BYTES + (IDENTITY_BYTES if first else 0)
        self._budget.spend(spent, time_ns)
        self._unconfirmed = (target.set_id, choice.reference_id, time_ns)
        self._metrics.count("references_sent")
        self._metrics.count("reference_bytes", increment=len(picture.data))
        return encoded

    def _motion(self, points: FloatArray, time_ns: int, crop: Crop) -> float:
        """Mean speed of the mesh in crop sides a second."""
        if self._previous_points is None:
            return 0.0
        before, before_ns = self._previous_points
        moved = float(np.linalg.norm(points[:, :2] - before[:, :2], axis=1).mean())
        return moved / crop.size / max((time_ns - before_ns) / 1e9, 1e-3)


def _to_image(crop: Crop, points: FloatArray) -> FloatArray:
    return crop.to_image(points).astype(np.float32)


def _compress(image: Image, allowed_bytes: int) -> tuple[EncodedImage, Image]:
    picture = encode_reference_image(image, max_bytes=allowed_bytes)
    return picture, decode_reference_image(picture.data, picture.image_format)
