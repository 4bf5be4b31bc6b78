"""Which frames the generator takes next, and when: a micro-batch of several calls' frames.

Pure: lanes are any keys, the clock is an argument. A lane has at most one frame here. A batch
begins as soon as it is full or nobody else is about to bring a frame, and at the latest when its
oldest frame has waited `patience_ns`; so a call that is alone never waits for company.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

LARGEST_BATCH = 16
"""Pictures that any generator makes at one time."""

PATIENCE_NS = 4_000_000
"""A tenth of a tick: what a frame may wait for others."""

FrameT = TypeVar("FrameT")
LaneT = TypeVar("LaneT", bound=Hashable)


@dataclass(frozen=True, slots=True, eq=False)
class WaitingFrame(Generic[LaneT, FrameT]):
    """A frame that is ready to be generated."""

    lane: LaneT
    frame: FrameT

    size: int
    """Pictures that it takes: one, or two during a cross-fade."""

    since_ns: int
    """When it came."""

    deadline_ns: int
    """When it is not worth generating any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[LaneT, FrameT]):
    """What one look at the waiting frames gives."""

    frames: tuple[WaitingFrame[LaneT, FrameT], ...]
    """To be generated now; empty while it is worth waiting."""

    stale: tuple[WaitingFrame[LaneT, FrameT], ...]
    """Past their deadline, dropped."""


@dataclass(slots=True)
class _Rhythm:
    last_ns: int
    gap_ns: int | None = None
    """Between the last two frames."""

    turn: int = 0
    """Number of the batch that took its last frame; 0 before the first."""


class Batcher(Generic[LaneT, FrameT]):
    """Collects frames. Not thread-safe."""

    def __init__(self, *, largest: int = LARGEST_BATCH, patience_ns: int = PATIENCE_NS) -> None:
        """`largest`: pictures of one batch, 1 where nothing is gained by more."""
        assert 1 <= largest <= LARGEST_BATCH
        self.largest = largest
        self._patience_ns = patience_ns
        self._waiting: dict[LaneT, WaitingFrame[LaneT, FrameT]] = {}
        self._rhythms: dict[LaneT, _Rhythm] = {}
        self._turn = 0

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._waiting)

    def put(
        self, lane: LaneT, frame: FrameT, *, now_ns: int, deadline_ns: int, size: int = 1
    ) -> FrameT | None:
        """A lane's newest frame; returns the one that it replaces."""
        assert 1 <= size <= LARGEST_BATCH
        rhythm = self._rhythms.setdefault(lane, _Rhythm(now_ns))
        if now_ns > rhythm.last_ns:
            rhythm.gap_ns, rhythm.last_ns = now_ns - rhythm.last_ns, now_ns
        replaced = self._waiting.pop(lane, None)
        self._waiting[lane] = WaitingFrame(lane, frame, size, now_ns, deadline_ns)
        return None if replaced is None else replaced.frame

    def leave(self, lane: LaneT) -> FrameT | None:
        """Forget a lane; returns the frame that waited."""
        self._rhythms.pop(lane, None)
        left = self._waiting.pop(lane, None)
        return None if left is None else left.frame

    def due_ns(self, now_ns: int, *, more: bool = False) -> int | None:
        """When the next batch begins as things stand, `now_ns` or later; None: nothing waits.

        `more`: frames are on their way here, whatever the lanes' rhythm says.
        """
        if not self._waiting:
            return None
        if sum(one.size for one in self._waiting.values()) >= self.largest:
            return now_ns
        close_ns = min(
            min(one.since_ns + self._patience_ns, one.deadline_ns) for one in self._waiting.values()
        )
        waits = more or self._is_expected(now_ns, close_ns)
        return close_ns if waits and close_ns > now_ns else now_ns

    def take(self, now_ns: int, *, more: bool = False) -> Batch[LaneT, FrameT]:
        """The batch that is due (`more` as in `due_ns`), and what came too late for it.

        Lanes that were served longest ago go first, so that while a lane waits no other one
        goes twice. A frame larger than `largest` goes alone.
        """
        stale = tuple(one for one in self._waiting.values() if one.deadline_ns < now_ns)
        for one in stale:
            del self._waiting[one.lane]
        due_ns = self.due_ns(now_ns, more=more)
        if due_ns is None or due_ns > now_ns:
            return Batch(frames=(), stale=stale)
        taken: list[WaitingFrame[LaneT, FrameT]] = []
        pictures = 0
        for one in sorted(self._waiting.values(), key=self._order):
            if taken and pictures + one.size > self.largest:
                break
            taken.append(one)
            pictures += one.size
        self._turn += 1
        for one in taken:
            del self._waiting[one.lane]
            self._rhythms[one.lane].turn = self._turn
        return Batch(frames=tuple(taken), stale=stale)

    def _order(self, one: WaitingFrame[LaneT, FrameT]) -> tuple[int, int]:
        return self._rhythms[one.lane].turn, one.since_ns

    def _is_expected(self, now_ns: int, close_ns: int) -> bool:
        """Whether a lane that waits for nothing brings its next frame before a batch closes.

        Ticks are even: the next frame comes as long after the last as that one after its own.
        """
        return any(
            rhythm.gap_ns is not None
            and now_ns - self._patience_ns <= rhythm.last_ns + rhythm.gap_ns <= close_ns
            for lane, rhythm in self._rhythms.items()
            if lane not in self._waiting
        )
