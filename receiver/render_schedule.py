"""What a free worker of the engine does next. Pure: the clock is an argument.

    slot -- begin: reference, conditions -- batcher -- generate -- finish -- on_picture
            many at a time                             one at a time

A lane has one frame between slot and finish, so that its pictures stay in order. No more is begun
than the next batch takes: what is not begun stays in its slot, where the newest wins.
"""

from collections import deque
from dataclasses import dataclass

from receiver.batcher import Batcher, WaitingFrame
from receiver.picture_maker import BegunFrame
from receiver.render_lane import LaneFrame, RenderLane
from shared.metrics import Metrics

FRAME_LIFE_NS = 250_000_000
"""Conditions that wait longer for the generator are dropped: several newer ticks have come."""

BatchFrame = WaitingFrame[RenderLane, tuple[LaneFrame, BegunFrame]]


@dataclass(frozen=True, slots=True, eq=False)
class Begin:
    """Draw a frame's conditions."""

    lane: RenderLane
    frame: LaneFrame


@dataclass(frozen=True, slots=True, eq=False)
class Generate:
    """Generate a batch, and finish its frames."""

    frames: tuple[BatchFrame, ...]


class RenderSchedule:
    """Lanes, and where their frames are. Not thread-safe: it is asked under the engine's lock."""

    def __init__(self, *, largest_batch: int, metrics: Metrics) -> None:
        self._metrics = metrics
        self._batcher: Batcher[RenderLane, tuple[LaneFrame, BegunFrame]] = Batcher(
            largest=largest_batch
        )
        self._lanes: deque[RenderLane] = deque()
        """In the order of their next turn."""
        self._beginning = 0
        self._generating = False

    @property
    def lanes(self) -> int:
        """How many are open."""
        return len(self._lanes)

    def open(self, lane: RenderLane) -> None:
        """One more lane."""
        self._lanes.append(lane)

    def leave(self, lane: RenderLane) -> None:
        """A lane has closed: what waits of it is forgotten."""
        lane.frame = None
        self._batcher.leave(lane)
        if lane in self._lanes:
            self._lanes.remove(lane)

    def put(self, lane: RenderLane, frame: LaneFrame) -> None:
        """Into the slot; a frame that waits there is dropped and counted."""
        if lane.frame is not None:
            self._metrics.count("frames_dropped", "render")
        lane.frame = frame

    def next(self, now_ns: int) -> Begin | Generate | None:
        """Work for the caller: a batch that is due first, then conditions, parties taking turns.

        None: nothing, until `wait_ns` has passed or something has changed.
        """
        if not self._generating:
            batch = self._batcher.take(now_ns, more=self._more_come)
            for one in batch.stale:
                self._metrics.count("frames_dropped", "stale")
                one.lane.busy = False
            if batch.frames:
                self._generating = True
                return Generate(batch.frames)
        lane = self._next_lane
        if lane is None or lane.frame is None:
            return None
        frame, lane.frame, lane.busy = lane.frame, None, True
        self._lanes.remove(lane)
        self._lanes.append(lane)
        self._beginning += 1
        return Begin(lane, frame)

    def begun(
        self, lane: RenderLane, frame: LaneFrame, begun: BegunFrame | None, now_ns: int
    ) -> None:
        """A frame's conditions are drawn; None: that failed."""
        self._beginning -= 1
        if begun is None or lane.closed:
            lane.busy = False
            return
        self._batcher.put(
            lane,
            (frame, begun),
            size=len(begun.inputs),
            now_ns=now_ns,
            deadline_ns=now_ns + FRAME_LIFE_NS,
        )

    def generated(self) -> None:
        """The generator is free; frames of its batch are yet to be finished."""
        self._generating = False

    def finished(self, lane: RenderLane) -> None:
        """A lane's frame is out, or has failed."""
        lane.busy = False

    @property
    def has_more(self) -> bool:
        """Whether there is something for another worker: to do, or to wait for."""
        waits = not self._generating and len(self._batcher) > 0
        return waits or self._next_lane is not None

    def wait_ns(self, now_ns: int) -> int | None:
        """Until a batch closes that has begun to collect; None: for no time that is known."""
        due_ns = self._batcher.due_ns(now_ns, more=self._more_come)
        return None if self._generating or due_ns is None else due_ns - now_ns

    @property
    def _next_lane(self) -> RenderLane | None:
        """Whose frame to begin."""
        if self._beginning + len(self._batcher) >= self._batcher.largest:
            return None
        ready = (lane for lane in self._lanes if lane.frame is not None and not lane.busy)
        return next(ready, None)

    @property
    def _more_come(self) -> bool:
        """Whether conditions of further frames are being drawn, or will be now."""
        return self._beginning > 0 or self._next_lane is not None
