"""The workers that make pictures of all parties with one generator.

Callers sit on the event loop and never wait: they put a frame into their party's slot, where it
replaces one that was not begun, and are called back from a worker's thread.

    slot -- begin: reference, conditions -- batcher -- generate -- finish -- on_picture
            any worker, many at a time                 one at a time

Whatever is due next is done by whoever is free: a worker that has drawn the conditions of a lone
frame generates its picture itself, without waking anybody. References are prepared
in a thread of their own.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import cv2

from receiver.admission import Admission
from receiver.batcher import Batch, Batcher, WaitingFrame
from receiver.picture_maker import BegunFrame, PictureMaker
from receiver.reference_preparer import ReferencePreparer
from receiver.render_lane import LaneFrame, Preparation, RenderLane, explained
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.frame_input import FrameInput
from shared.generator import Generator
from shared.metrics import Metrics, Stage
from shared.parameters import Image

FRAME_LIFE_NS = 250_000_000
"""Conditions that wait longer for the generator are dropped: several newer ticks have come."""

BATCHING_WORKERS = 2
"""Threads where pictures are generated together: one draws conditions while the other generates.

Elsewhere one thread does both. With `warp` on two cores two threads made nothing better as long as
25 pictures/s were kept: 8 calls 3.9 ms a frame in place of 3.5; 14 calls got 20 pictures/s either
way. Of the 3.2 ms that a frame of `warp` takes, its conditions at 256 x 256 take 2.2.
"""

_Begun = tuple[LaneFrame, BegunFrame]
_Waiting = WaitingFrame[RenderLane, _Begun]
_Work = Callable[[], None]


class RenderEngine:
    """Rebuilds the pictures of all parties with one generator."""

    def __init__(
        self,
        model: FaceModel,
        generator: Generator,
        *,
        metrics: Metrics,
        mark: Callable[[Image, int], None] | None = None,
        max_calls: int | None = None,
        workers: int | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`mark(image, capture_time)` draws into each finished picture (benchmarks only)."""
        self.face_model = model
        self.generator_name = generator.name
        self.history = generator.history
        """Past frames that the generator looks at."""
        self.marks = mark is not None
        """Whether each picture differs from the last, because its time is drawn into it."""
        self._generator = generator
        if workers is None:
            workers = BATCHING_WORKERS if generator.largest_batch > 1 else 1
        self._renderers = [FaceRenderer(model, generator, metrics) for _ in range(workers)]
        """Each with buffers of its own."""
        self._preparer = ReferencePreparer(
            FaceRenderer(model, generator), on_full=self._remember_full
        )
        self._admission = Admission(max_calls)
        self._metrics = metrics
        self._mark = mark
        self._now_ns = now_ns
        self._batcher: Batcher[RenderLane, _Begun] = Batcher(largest=generator.largest_batch)
        self._beginning = 0
        """Frames whose conditions are being drawn."""
        self._generating = False
        self._lanes: deque[RenderLane] = deque()
        self._wake = threading.Condition()
        self._running = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Compile, run everything once and start the workers. Blocks until ready."""
        cv2.setNumThreads(1)
        self._renderers[0].warm_up()
        self._running = True
        for renderer in self._renderers:
            thread = threading.Thread(target=self._run, args=[renderer], name="render", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._preparer.start()

    def close(self) -> None:
        """Stop the workers and release the generator. Blocks for one batch or reference."""
        with self._wake:
            self._running = False
            self._lanes.clear()
            self._wake.notify_all()
        self._preparer.close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._generator.close()

    def admit(self) -> None:
        """Raises SignalingError(503), counted, when one more party is one too many."""
        with self._wake:
            calls = len(self._lanes)
            reason = self._admission.check(calls)
        if reason is not None:
            self._metrics.count("calls_refused", reason)
            raise self._admission.refuse(reason, calls)

    def _remember_full(self) -> None:
        with self._wake:
            self._admission.memory_ran_out(len(self._lanes))

    def open_lane(self) -> RenderLane:
        """A slot for one more party."""
        lane = RenderLane(self, PictureMaker(metrics=self._metrics, mark=self._mark))
        with self._wake:
            self._lanes.append(lane)
        return lane

    def close_lane(self, lane: RenderLane) -> None:
        """See `RenderLane.close`."""
        with self._wake:
            lane.closed = True
            lane.frame = None
            self._batcher.leave(lane)
            if lane in self._lanes:
                self._lanes.remove(lane)
        self._preparer.leave(lane)

    def put_frame(self, lane: RenderLane, frame: LaneFrame) -> None:
        """See `RenderLane.render`."""
        with self._wake:
            if lane.closed:
                return
            if lane.frame is not None:
                self._metrics.count("frames_dropped", "render")
            lane.frame = frame
            self._wake.notify()

    def put_preparation(self, lane: RenderLane, preparation: Preparation) -> bool:
        """See `RenderLane.prepare`."""
        return self._preparer.put(lane, preparation)

    def _run(self, renderer: FaceRenderer) -> None:
        """A worker's thread: wait for work and do it, until the end."""
        while True:
            with self._wake:
                work = self._next_work(renderer)
                while work is None:
                    if not self._running:
                        return
                    self._wake.wait(self._patience_seconds())
                    work = self._next_work(renderer)
                if self._has_work():
                    self._wake.notify()
            work()

    def _next_work(self, renderer: FaceRenderer) -> _Work | None:
        """A batch that is due before conditions of further frames, parties taking turns."""
        if not self._running:
            return None
        if not self._generating:
            batch = self._batcher.take(self._now_ns(), more=self._more_come())
            self._drop(batch)
            if batch.frames:
                self._generating = True
                return partial(self._generate, batch.frames)
        lane = self._next_lane()
        if lane is None or lane.frame is None:
            return None
        frame, lane.frame, lane.busy = lane.frame, None, True
        self._lanes.remove(lane)
        self._lanes.append(lane)
        self._beginning += 1
        return partial(self._begin, lane, frame, renderer)

    def _next_lane(self) -> RenderLane | None:
        """Whose frame to begin. In the slots the newest wins, so no more than a batch is begun."""
        if self._beginning + len(self._batcher) >= self._batcher.largest:
            return None
        ready = (lane for lane in self._lanes if lane.frame is not None and not lane.busy)
        return next(ready, None)

    def _more_come(self) -> bool:
        """Whether conditions of further frames are being drawn, or will be now."""
        return self._beginning > 0 or self._next_lane() is not None

    def _has_work(self) -> bool:
        """Whether there is something for another worker: to do, or to wait for."""
        waits = not self._generating and len(self._batcher) > 0
        return waits or self._next_lane() is not None

    def _patience_seconds(self) -> float | None:
        """Until a batch closes that has begun to collect."""
        if self._generating:
            return None
        now_ns = self._now_ns()
        due_ns = self._batcher.due_ns(now_ns, more=self._more_come())
        return None if due_ns is None else (due_ns - now_ns) / 1e9

    def _drop(self, batch: Batch[RenderLane, _Begun]) -> None:
        for one in batch.stale:
            self._metrics.count("frames_dropped", "stale")
            one.lane.busy = False

    def _begin(self, lane: RenderLane, frame: LaneFrame, renderer: FaceRenderer) -> None:
        begun: BegunFrame | None = None
        try:
            begun = lane.maker.begin(frame.request, renderer)
        except Exception as error:  # a worker outlives whatever one frame does to it
            _tell_failure(lane, frame, error)
        with self._wake:
            self._beginning -= 1
            if begun is None or lane.closed:
                lane.busy = False
                return
            now_ns = self._now_ns()
            self._batcher.put(
                lane,
                (frame, begun),
                size=len(begun.inputs),
                now_ns=now_ns,
                deadline_ns=now_ns + FRAME_LIFE_NS,
            )

    def _generate(self, batch: Sequence[_Waiting]) -> None:
        started_ns = self._now_ns()
        inputs = [one for waiting in batch for one in waiting.frame[1].inputs]
        self._metrics.count("batches", str(len(inputs)))
        results = self._pictures(batch, inputs)
        took_ms = (self._now_ns() - started_ns) / 1e6
        with self._wake:
            self._generating = False
            if self._has_work():
                self._wake.notify()
        for waiting, result in zip(batch, results, strict=True):
            self._metrics.observe_ms(Stage.BATCH, (started_ns - waiting.since_ns) / 1e6)
            self._metrics.observe_ms(Stage.GENERATE, took_ms)
            self._finish(waiting, result)

    def _pictures(
        self, batch: Sequence[_Waiting], inputs: Sequence[FrameInput]
    ) -> list[list[Image] | Exception]:
        """Of each frame, or what went wrong with it: one that fails takes no other with it."""
        try:
            pictures = iter(self._generator.generate_batch(inputs))
            return [[next(pictures) for _ in waiting.frame[1].inputs] for waiting in batch]
        except Exception as error:
            if len(batch) == 1:
                return [error]
        self._metrics.count("batches_split")
        return [self._pictures([one], one.frame[1].inputs)[0] for one in batch]

    def _finish(self, waiting: _Waiting, result: list[Image] | Exception) -> None:
        lane, (frame, begun) = waiting.lane, waiting.frame
        try:
            if isinstance(result, Exception):
                raise result
            picture = lane.maker.finish(begun, result)
        except Exception as error:
            _tell_failure(lane, frame, error)
        else:
            if not lane.closed:
                frame.on_picture(picture)
        with self._wake:
            lane.busy = False


def _tell_failure(lane: RenderLane, frame: LaneFrame, error: Exception) -> None:
    if not lane.closed:
        frame.on_failure(explained(error))
