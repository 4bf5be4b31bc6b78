"""The workers that make pictures: one slot a party, where the newest frame wins.

Callers sit on the event loop and never wait: they put a frame into their party's slot, where it
replaces one that was not begun, and are called back from a worker's thread. One thread renders;
another decodes and prepares references, which may take several frames' time.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import cv2

from receiver.picture_maker import PictureMaker, RebuiltPicture, RenderRequest
from shared.errors import InferenceError, KilocallError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer, PreparedReference
from shared.generator import Generator
from shared.metrics import Metrics
from shared.parameters import Image, Reference

_log = logging.getLogger(__name__)

MAX_WAITING_REFERENCES = 8
"""A party's references waiting to be prepared: two sets of four."""

OnPicture = Callable[[RebuiltPicture], None]
OnPrepared = Callable[[PreparedReference], None]
OnFailure = Callable[[KilocallError], None]
Work = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    request: RenderRequest
    on_picture: OnPicture
    on_failure: OnFailure


@dataclass(frozen=True, slots=True, eq=False)
class _Preparation:
    load: Callable[[], Reference]
    on_prepared: OnPrepared
    on_failure: OnFailure


@dataclass(slots=True, eq=False)
class RenderLane:
    """One party's place at the engine. Callbacks come from the workers' threads."""

    engine: "RenderEngine"
    maker: PictureMaker
    frame: _Frame | None = None
    preparations: deque[_Preparation] = field(default_factory=deque)
    closed: bool = False

    def render(self, request: RenderRequest, on_picture: OnPicture, on_failure: OnFailure) -> None:
        """Put a frame into the slot; one that waits there is dropped and counted."""
        self.engine.put_frame(self, _Frame(request, on_picture, on_failure))

    def prepare(
        self, load: Callable[[], Reference], on_prepared: OnPrepared, on_failure: OnFailure
    ) -> bool:
        """Load a reference and prepare it; False when too many wait already."""
        return self.engine.put_preparation(self, _Preparation(load, on_prepared, on_failure))

    def close(self) -> None:
        """Leave; what waits is dropped, and what is under way calls nobody back."""
        self.engine.close_lane(self)


class RenderEngine:
    """Rebuilds the pictures of all parties with one generator."""

    def __init__(
        self,
        model: FaceModel,
        generator: Generator,
        *,
        metrics: Metrics,
        mark: Callable[[Image, int], None] | None = None,
    ) -> None:
        """`mark(image, capture_time)` draws into each finished picture (benchmarks only)."""
        self.face_model = model
        self.generator_name = generator.name
        self.history = generator.history
        """Past frames that the generator looks at."""
        self.marks = mark is not None
        """Whether each picture differs from the last, because its time is drawn into it."""
        self._generator = generator
        self._renderer = FaceRenderer(model, generator, metrics)
        self._preparer = FaceRenderer(model, generator)
        """Like the renderer, with buffers of its own."""
        self._metrics = metrics
        self._mark = mark
        self._lanes: deque[RenderLane] = deque()
        self._wake = threading.Condition()
        self._running = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Compile, run everything once and start the workers. Blocks until ready."""
        cv2.setNumThreads(1)
        self._renderer.warm_up()
        self._running = True
        for name, next_work in (("render", self._next_frame), ("prepare", self._next_preparation)):
            thread = threading.Thread(target=self._run, args=[next_work], name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """Stop the workers and release the generator. Blocks for one frame or reference."""
        with self._wake:
            self._running = False
            self._lanes.clear()
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._generator.close()

    def open_lane(self) -> RenderLane:
        """A slot for one more party."""
        maker = PictureMaker(self._renderer, metrics=self._metrics, mark=self._mark)
        lane = RenderLane(self, maker)
        with self._wake:
            self._lanes.append(lane)
        return lane

    def close_lane(self, lane: RenderLane) -> None:
        """See `RenderLane.close`."""
        with self._wake:
            lane.closed = True
            lane.frame = None
            lane.preparations.clear()
            if lane in self._lanes:
                self._lanes.remove(lane)

    def put_frame(self, lane: RenderLane, frame: _Frame) -> None:
        """See `RenderLane.render`."""
        with self._wake:
            if lane.closed:
                return
            if lane.frame is not None:
                self._metrics.count("frames_dropped", "render")
            lane.frame = frame
            self._wake.notify_all()

    def put_preparation(self, lane: RenderLane, preparation: _Preparation) -> bool:
        """See `RenderLane.prepare`."""
        with self._wake:
            if lane.closed or len(lane.preparations) >= MAX_WAITING_REFERENCES:
                return False
            lane.preparations.append(preparation)
            self._wake.notify_all()
            return True

    def _run(self, next_work: Callable[[], Work | None]) -> None:
        """A worker's thread: wait for work and do it, until the end."""
        while True:
            with self._wake:
                work = next_work() if self._running else None
                while work is None:
                    if not self._running:
                        return
                    self._wake.wait()
                    work = next_work()
            work()

    def _next_frame(self) -> Work | None:
        """The frame to render next, parties taking turns."""
        for lane in self._lanes:
            if lane.frame is not None:
                frame, lane.frame = lane.frame, None
                self._lanes.remove(lane)
                self._lanes.append(lane)
                return partial(self._render, lane, frame)
        return None

    def _next_preparation(self) -> Work | None:
        for lane in self._lanes:
            if lane.preparations:
                return partial(self._prepare, lane, lane.preparations.popleft())
        return None

    def _render(self, lane: RenderLane, frame: _Frame) -> None:
        try:
            picture = lane.maker.make(frame.request)
        except Exception as error:  # a worker outlives whatever one frame does to it
            if not lane.closed:
                frame.on_failure(_explained(error))
            return
        if not lane.closed:
            frame.on_picture(picture)

    def _prepare(self, lane: RenderLane, preparation: _Preparation) -> None:
        try:
            prepared = self._preparer.prepare(preparation.load())
        except Exception as error:  # likewise
            if not lane.closed:
                preparation.on_failure(_explained(error))
            return
        if not lane.closed:
            preparation.on_prepared(prepared)


def _explained(error: Exception) -> KilocallError:
    if isinstance(error, KilocallError):
        return error
    _log.error("the renderer failed", exc_info=error)
    return InferenceError(f"{type(error).__name__} while rendering: {error}")
