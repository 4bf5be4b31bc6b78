"""The workers that make pictures of all parties with one generator.

Callers sit on the event loop and never wait: they put a frame into their party's slot, where it
replaces one that was not begun, and are called back from a worker's thread.

Whatever is due next (`RenderSchedule`) is done by whoever is free: a worker that has drawn the
conditions of a lone frame generates its picture itself, without waking anybody. References are
prepared in a thread of their own.
"""

import threading
import time
from collections.abc import Callable, Sequence

import cv2

from receiver.admission import Admission
from receiver.picture_maker import BegunFrame, PictureMaker
from receiver.reference_preparer import ReferencePreparer
from receiver.render_lane import LaneFrame, Preparation, RenderLane, explained
from receiver.render_schedule import BatchFrame, Begin, Generate, RenderSchedule
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.frame_input import FrameInput
from shared.generator import Generator
from shared.metrics import Metrics, Stage
from shared.parameters import Image

BATCHING_WORKERS = 2
"""Threads where pictures are generated together: one draws conditions while the other generates.

Elsewhere one thread does both. With `warp` on two cores two threads made nothing better as long as
25 pictures/s were kept. Of the 1.7 ms that a frame of `warp` takes, its conditions take 1.3.
"""


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
        """Nothing runs before `start`.

        `mark(image, capture_time)` draws into each finished picture (benchmarks only).
        `max_calls`: lanes that `admit` lets in. `workers`: threads, in place of as many as the
        generator gains by.
        """
        self.face_model = model
        self.generator_name = generator.name
        self.history = generator.history
        """Past frames that the generator looks at."""
        self.marks = mark is not None
        """Whether each picture differs from the last, because its time is drawn into it."""
        self._generator = generator
        if workers is None:
            workers = BATCHING_WORKERS if generator.largest_batch > 1 else 1
        self._limits = ("conditions", "generator") if workers > 1 else ("thread", "thread")
        """What is busy while conditions are drawn and while pictures are generated."""
        self._renderers = [FaceRenderer(model, generator, metrics) for _ in range(workers)]
        """Each with buffers of its own."""
        self._preparer = ReferencePreparer(
            FaceRenderer(model, generator), on_full=self._remember_full
        )
        self._admission = Admission(max_calls)
        self._metrics = metrics
        self._mark = mark
        self._now_ns = now_ns
        self._schedule = RenderSchedule(largest_batch=generator.largest_batch, metrics=metrics)
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
            self._wake.notify_all()
        self._preparer.close()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._generator.close()

    def admit(self) -> None:
        """Raises SignalingError(503), counted, when one more party is one too many."""
        with self._wake:
            calls = self._schedule.lanes
            reason = self._admission.check(calls)
        if reason is not None:
            self._metrics.count("calls_refused", reason)
            raise self._admission.refuse(reason, calls)

    def _remember_full(self) -> None:
        with self._wake:
            self._admission.memory_ran_out(self._schedule.lanes)

    def open_lane(self) -> RenderLane:
        """A slot for one more party."""
        lane = RenderLane(self, PictureMaker(metrics=self._metrics, mark=self._mark))
        with self._wake:
            self._schedule.open(lane)
        return lane

    def close_lane(self, lane: RenderLane) -> None:
        """See `RenderLane.close`."""
        with self._wake:
            lane.closed = True
            self._schedule.leave(lane)
        self._preparer.leave(lane)

    def put_frame(self, lane: RenderLane, frame: LaneFrame) -> None:
        """See `RenderLane.render`."""
        with self._wake:
            if not lane.closed:
                self._schedule.put(lane, frame)
                self._wake.notify()

    def put_preparation(self, lane: RenderLane, preparation: Preparation) -> bool:
        """See `RenderLane.prepare`."""
        return self._preparer.put(lane, preparation)

    def _run(self, renderer: FaceRenderer) -> None:
        """A worker's thread: wait for work and do it, until the end."""
        while True:
            with self._wake:
                while self._running and (work := self._schedule.next(self._now_ns())) is None:
                    wait_ns = self._schedule.wait_ns(self._now_ns())
                    self._wake.wait(None if wait_ns is None else wait_ns / 1e9)
                if not self._running or work is None:
                    return
                if self._schedule.has_more:
                    self._wake.notify()
            self._do(work, renderer)

    def _do(self, work: Begin | Generate, renderer: FaceRenderer) -> None:
        match work:
            case Begin(lane, frame):
                self._begin(lane, frame, renderer)
            case Generate(frames):
                self._generate(frames)

    def _begin(self, lane: RenderLane, frame: LaneFrame, renderer: FaceRenderer) -> None:
        begun: BegunFrame | None = None
        started_ns = self._now_ns()
        try:
            begun = lane.maker.begin(frame.request, renderer)
        except Exception as error:  # a worker outlives whatever one frame does to it
            _tell_failure(lane, frame, error)
        now_ns = self._now_ns()
        self._metrics.count("render_busy_us", self._limits[0], (now_ns - started_ns) // 1000)
        with self._wake:
            self._schedule.begun(lane, frame, begun, now_ns)

    def _generate(self, batch: Sequence[BatchFrame]) -> None:
        started_ns = self._now_ns()
        inputs = [one for waiting in batch for one in waiting.frame[1].inputs]
        self._metrics.count("batches", str(len(inputs)))
        results = self._pictures(batch, inputs)
        took_ns = self._now_ns() - started_ns
        self._metrics.count("render_busy_us", self._limits[1], took_ns // 1000)
        with self._wake:
            self._schedule.generated()
            if self._schedule.has_more:
                self._wake.notify()
        for waiting, result in zip(batch, results, strict=True):
            self._metrics.observe_ms(Stage.BATCH, (started_ns - waiting.since_ns) / 1e6)
            self._metrics.observe_ms(Stage.GENERATE, took_ns / 1e6)
            self._finish(waiting, result)

    def _pictures(
        self, batch: Sequence[BatchFrame], inputs: Sequence[FrameInput]
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

    def _finish(self, waiting: BatchFrame, result: list[Image] | Exception) -> None:
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
            self._schedule.finished(lane)


def _tell_failure(lane: RenderLane, frame: LaneFrame, error: Exception) -> None:
    if not lane.closed:
        frame.on_failure(explained(error))
