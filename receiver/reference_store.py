"""The references held of one party: received, prepared off the event loop, kept in memory only.

A set shares one crop and one identity, which came with its first reference. Two sets are held
at most: the one that frames name now and the one that comes next.
"""

import logging
from collections.abc import Callable
from functools import partial

from receiver.render_lane import RenderLane
from shared.control_message import ReferenceBegin, ReferenceChunk, ReferenceEnd
from shared.errors import BitstreamError, DeviceMemoryError, KilocallError
from shared.face_renderer import PreparedReference
from shared.limits import REFERENCES_PER_MINUTE, REFERENCES_PER_SET_MAX
from shared.metrics import Metrics
from shared.parameters import Identity, Reference
from shared.reference_image import decode_reference_image
from shared.reference_transfer import ReceivedReference, ReferenceAssembler

_log = logging.getLogger(__name__)

_MAX_SETS = 2
_MINUTE_NS = 60_000_000_000


class ReferenceStore:
    """What pictures of a party can be rebuilt from. Belongs to the event loop."""

    def __init__(
        self,
        *,
        lane: RenderLane,
        metrics: Metrics,
        post: Callable[..., None],
        on_held: Callable[[int, int], None],
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`post(callback, *arguments)` brings results of the worker to the event loop.

        `on_held(set_id, reference_id)`: frames can be rendered from this reference.
        `on_refused`: the device has no room for the first reference of this party.
        """
        self._lane = lane
        self._metrics = metrics
        self._post = post
        self._on_held = on_held
        self._on_refused = on_refused
        self._assembler = ReferenceAssembler()
        self._identities: dict[int, Identity] = {}
        """Of the sets that references are held or being prepared of; oldest set first."""
        self._prepared: dict[int, dict[int, PreparedReference]] = {}
        """set id -> reference id -> prepared; the same sets or fewer."""
        self._shown_set: int | None = None
        self._minute_start_ns: int | None = None
        self._in_minute = 0

    @property
    def is_receiving(self) -> bool:
        """Whether a reference is on its way."""
        return self._assembler.active

    @property
    def held(self) -> int:
        """How many of the shown set are held."""
        return len(self._prepared.get(self._shown_set, ())) if self._shown_set is not None else 0

    def expire(self, now_ns: int) -> None:
        """Give up a reference that takes too long to come; to be called now and then."""
        if self._assembler.expire(now_ns):
            self._metrics.count("references_dropped", "timeout")

    def of_set(self, set_id: int) -> tuple[PreparedReference, ...]:
        """Those held of the set that a frame names; a set named once more is the shown one."""
        held = self._prepared.get(set_id)
        if not held:
            return ()
        self._shown_set = set_id
        return tuple(held.values())

    def receive(self, message: ReferenceBegin | ReferenceChunk | ReferenceEnd, now_ns: int) -> None:
        """Take part of a reference.

        Raises BitstreamError for one out of order, without its set's identity, or too many; the
        references held stay.
        """
        match message:
            case ReferenceBegin():
                self._check(message, now_ns)
                self._assembler.begin(message, now_ns)
            case ReferenceChunk():
                self._assembler.add(message, now_ns)
            case ReferenceEnd():
                self._prepare(self._assembler.end(message, now_ns))

    def _check(self, begin: ReferenceBegin, now_ns: int) -> None:
        if self._minute_start_ns is None or now_ns - self._minute_start_ns >= _MINUTE_NS:
            self._minute_start_ns, self._in_minute = now_ns, 0
        self._in_minute += 1
        if self._in_minute > REFERENCES_PER_MINUTE:
            raise BitstreamError(
                f"reference {self._in_minute} in a minute, {REFERENCES_PER_MINUTE} are allowed"
            )
        if begin.identity is None and begin.set_id not in self._identities:
            raise BitstreamError(
                f"reference {begin.reference_id} without identity, the first one of set "
                f"{begin.set_id} must carry it"
            )
        held = self._prepared.get(begin.set_id, {})
        renewed = begin.identity is not None  # a set sent anew starts empty
        if not renewed and begin.reference_id not in held and len(held) >= REFERENCES_PER_SET_MAX:
            raise BitstreamError(
                f"reference {len(held) + 1} of a set, {REFERENCES_PER_SET_MAX} are allowed"
            )

    def _prepare(self, received: ReceivedReference) -> None:
        begin = received.begin
        self._metrics.count("references_received")
        self._metrics.count("reference_bytes", increment=len(received.data))
        if begin.identity is not None:
            self._begin_set(begin.set_id, begin.identity)
        identity = self._identities.get(begin.set_id)
        if identity is None:  # its set was dropped for two newer ones meanwhile
            self._metrics.count("references_dropped", "old_set")
            return
        accepted = self._lane.prepare(
            partial(_decoded, received, identity),
            partial(self._post, self._hold, identity),
            partial(self._post, self._drop),
        )
        if not accepted:
            self._metrics.count("references_dropped", "busy")

    def _begin_set(self, set_id: int, identity: Identity) -> None:
        """A set starts, or starts anew; the oldest that is not shown makes room."""
        self._identities.pop(set_id, None)
        while len(self._identities) >= _MAX_SETS:
            oldest = next(held for held in self._identities if held != self._shown_set)
            del self._identities[oldest]
            self._prepared.pop(oldest, None)
        self._identities[set_id] = identity

    def _hold(self, identity: Identity, prepared: PreparedReference) -> None:
        reference = prepared.reference
        if self._identities.get(reference.set_id) is not identity:
            self._metrics.count("references_dropped", "old_set")
            return
        held = self._prepared.setdefault(reference.set_id, {})
        if any(other.reference.identity is not identity for other in held.values()):
            held.clear()  # the set was sent anew; its earlier pictures have another identity
        held[reference.reference_id] = prepared
        while len(held) > REFERENCES_PER_SET_MAX:
            del held[next(iter(held))]
        _log.info("reference %d of set %d held", reference.reference_id, reference.set_id)
        self._on_held(reference.set_id, reference.reference_id)

    def _drop(self, error: KilocallError) -> None:
        is_full = isinstance(error, DeviceMemoryError)
        self._metrics.count("references_dropped", "device_memory" if is_full else "invalid")
        _log.warning("a reference is dropped: %s", error)
        if is_full and not any(self._prepared.values()):
            self._on_refused()

    def clear(self) -> None:
        """Forget the person."""
        self._identities.clear()
        self._prepared.clear()
        self._assembler = ReferenceAssembler()


def _decoded(received: ReceivedReference, identity: Identity) -> Reference:
    begin = received.begin
    return Reference(
        set_id=begin.set_id,
        reference_id=begin.reference_id,
        crop=begin.crop,
        identity=identity,
        parameters=begin.parameters,
        image=decode_reference_image(received.data, begin.image_format),
    )
