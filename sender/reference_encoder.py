"""Chosen pictures become references, one after the other, within the byte budget."""

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from sender.byte_budget import ByteBudget
from sender.reference_policy import Choice, ReferencePolicy
from shared.control_message import ReferenceBegin
from shared.metrics import Metrics
from shared.parameters import Crop, FloatArray, Identity, Image, Reference
from shared.reference_image import EncodedImage, decode_reference_image, encode_reference_image
from shared.reference_parameters import parameters_as_received

FIRST_IMAGE_BYTES = 3_600
NEXT_IMAGE_BYTES = 2_600
LEAST_IMAGE_BYTES = 1_400
"""A picture of less is not worth sending; the policy waits for the budget instead."""

IDENTITY_BYTES = 1_500
OVERHEAD_BYTES = 250
"""Of the control messages around a picture: begin, chunk headers, end."""

CONFIRMATION_NS = 30_000_000_000
"""A reference not confirmed after so long is taken for lost; a thin link takes 25 s for one."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedReference:
    """A reference as it is sent: `reference.image` is what `picture` decodes to."""

    reference: Reference
    picture: EncodedImage
    frame_width: int
    """Of the camera frame that the crop lies in, pixels."""

    frame_height: int

    def begin(self, *, with_identity: bool) -> ReferenceBegin:
        """What announces it; the identity goes with the first of a set alone."""
        reference = self.reference
        return ReferenceBegin(
            set_id=reference.set_id,
            reference_id=reference.reference_id,
            crop=reference.crop,
            frame_width=self.frame_width,
            frame_height=self.frame_height,
            parameters=reference.parameters,
            image_format=self.picture.image_format,
            image_bytes=len(self.picture.data),
            identity=reference.identity if with_identity else None,
        )


@dataclass(slots=True, eq=False)
class PublishedSet:
    """A set of references of one crop, from the wish for it on."""

    set_id: int
    crop: Crop
    policy: ReferencePolicy
    identity: Identity | None = None
    """None until its first reference was chosen."""

    neutral: FloatArray | None = None
    """(478, 3) of that identity."""

    sent: dict[int, EncodedReference] = field(default_factory=dict)
    """By reference id, in the order in which they were first sent."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A reference that is being compressed."""

    target: PublishedSet
    choice: Choice
    result: Future[tuple[EncodedImage, Image]]
    frame_width: int
    frame_height: int


@dataclass(frozen=True, slots=True)
class _Sent:
    """The reference that waits to be confirmed."""

    set_id: int
    reference_id: int
    time_ns: int


class ReferenceEncoder:
    """Compresses one picture at a time, and waits until the other side holds it. One thread."""

    def __init__(self, *, budget: ByteBudget, executor: Executor, metrics: Metrics) -> None:
        self._budget = budget
        self._executor = executor
        self._metrics = metrics
        self._job: _Job | None = None
        self._unconfirmed: _Sent | None = None

    def busy(self, time_ns: int) -> bool:
        """Whether a reference is under way."""
        return self._job is not None or (
            self._unconfirmed is not None and not self.overdue(time_ns)
        )

    def overdue(self, time_ns: int) -> bool:
        """Whether the last reference was sent too long ago and is still not confirmed."""
        sent = self._unconfirmed
        return sent is not None and time_ns - sent.time_ns >= CONFIRMATION_NS

    def confirm(self, set_id: int, reference_id: int) -> None:
        """The other side holds this one."""
        sent = self._unconfirmed
        if sent is not None and (sent.set_id, sent.reference_id) == (set_id, reference_id):
            self._unconfirmed = None

    def abandon(self, target: PublishedSet) -> None:
        """Nobody wants this set any more."""
        if self._job is not None and self._job.target is target:
            self._job = None

    def start(
        self, target: PublishedSet, choice: Choice, frame_size: tuple[int, int], time_ns: int
    ) -> bool:
        """Begin to compress a picture of a frame (width, height); False: the budget is empty."""
        first = not target.sent
        wanted = FIRST_IMAGE_BYTES if first else NEXT_IMAGE_BYTES
        allowed = min(wanted, self._budget.available(time_ns) - _bytes_around(first))
        if allowed < LEAST_IMAGE_BYTES:
            self._metrics.count("references_deferred", "budget")
            return False
        result = self._executor.submit(_compress, choice.candidate.image, allowed)
        self._job = _Job(target, choice, result, *frame_size)
        return True

    def finished(self, time_ns: int) -> EncodedReference | None:
        """The reference that was being compressed, once; it is to be sent now."""
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
        self._budget.spend(len(picture.data) + _bytes_around(not target.sent), time_ns)
        encoded = EncodedReference(reference, picture, job.frame_width, job.frame_height)
        target.sent[choice.reference_id] = encoded
        target.policy.sent(choice, time_ns)
        self._unconfirmed = _Sent(target.set_id, choice.reference_id, time_ns)
        self._metrics.count("references_sent")
        self._metrics.count("reference_bytes", increment=len(picture.data))
        return encoded


def _bytes_around(first: bool) -> int:
    """What goes with a picture, at most."""
    return OVERHEAD_BYTES + (IDENTITY_BYTES if first else 0)


def _compress(image: Image, allowed_bytes: int) -> tuple[EncodedImage, Image]:
    picture = encode_reference_image(image, max_bytes=allowed_bytes)
    return picture, decode_reference_image(picture.data, picture.image_format)
