"""The worker that makes pictures: one thread, one slot a party, the newest frame wins.

Callers sit on the event loop and never wait: they put a frame into their party's slot, where it
replaces one that was not begun, and are called back from the worker's thread. References are
decoded and prepared by the same thread (generators are not thread-safe) when no frame waits.
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
    """One party's place at the engine. Callbacks come from the worker's thread."""

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
        self._metrics = metrics
        self._mark = mark
        self._lanes: deque[RenderLane] = deque()
        self._wake = threading.Condition()
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Compile, run everything once and start the worker. Blocks until ready."""
        cv2.setNumThreads(1)
        self._renderer.warm_up()
        self._running = True
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the worker and release the generator. Blocks for one frame at most."""
        with self._wake:
            self._running = False
            self._lanes.clear()
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
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
            self._wake.notify()

    def put_preparation(self, lane: RenderLane, preparation: _Preparation) -> bool:
        """See `RenderLane.prepare`."""
        with self._wake:
            if lane.closed or len(lane.preparations) >= MAX_WAITING_REFERENCES:
                return False
            lane.preparations.append(preparation)
            self._wake.notify()
            return True

    def _run(self) -> None:
        while (work := self._next_work()) is not None:
            work()

    def _next_work(self) -> Callable[[], None] | None:
        """Wait for a frame, else a reference, parties taking turns; None at the end."""
        with self._wake:
            while self._running:
                for lane in list(self._lanes):
                    if lane.frame is not None:
                        frame, lane.frame = lane.frame, None
                        self._lanes.remove(lane)
                        self._lanes.append(lane)
                        return partial(self._render, lane, frame)
                for lane in self._lanes:
                    if lane.preparations:
                        return partial(self._prepare, lane, lane.preparations.popleft())
                self._wake.wait()
        return None

    def _render(self, lane: RenderLane, frame: _Frame) -> None:
        try:
            picture = lane.maker.make(frame.request)
        except Exception as error:  # the worker outlives whatever one frame does to it
            if not lane.closed:
                frame.on_failure(_explained(error))
            return
        if not lane.closed:
            frame.on_picture(picture)

    def _prepare(self, lane: RenderLane, preparation: _Preparation) -> None:
        try:
            prepared = self._renderer.prepare(preparation.load())
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
