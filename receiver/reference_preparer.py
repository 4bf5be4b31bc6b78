"""The thread that decodes and prepares references, which may take several frames' time."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from receiver.render_lane import MAX_WAITING_REFERENCES, Preparation, RenderLane, explained
from shared.errors import DeviceMemoryError
from shared.face_renderer import FaceRenderer


class ReferencePreparer:
    """Prepares references in the order in which they came, parties taking turns."""

    def __init__(self, renderer: FaceRenderer, *, on_full: Callable[[], None]) -> None:
        """`renderer`: of this thread alone; `on_full`: a reference found the device full."""
        self._on_full = on_full
        self._renderer = renderer
        self._waiting: OrderedDict[RenderLane, deque[Preparation]] = OrderedDict()
        """Lanes that have any."""
        self._wake = threading.Condition()
        self._running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to work."""
        self._running = True
        self._thread = threading.Thread(target=self._run, name="prepare", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; blocks for one reference."""
        with self._wake:
            self._running = False
            self._waiting.clear()
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()

    def put(self, lane: RenderLane, preparation: Preparation) -> bool:
        """Add one of a lane; False when too many of its own wait already."""
        with self._wake:
            waiting = self._waiting.get(lane, deque())
            if lane.closed or len(waiting) >= MAX_WAITING_REFERENCES:
                return False
            waiting.append(preparation)
            self._waiting[lane] = waiting
            self._wake.notify()
            return True

    def leave(self, lane: RenderLane) -> None:
        """Drop what waits of a lane."""
        with self._wake:
            self._waiting.pop(lane, None)

    def work(self) -> bool:
        """Prepare the next one that waits, if any does; the thread does nothing else."""
        with self._wake:
            if not self._waiting:
                return False
            lane, waiting = self._waiting.popitem(last=False)
            preparation = waiting.popleft()
            if waiting:
                self._waiting[lane] = waiting
        try:
            prepared = self._renderer.prepare(preparation.load())
        except DeviceMemoryError as error:
            self._on_full()
            if not lane.closed:
                preparation.on_failure(error)
        except Exception as error:  # the thread outlives whatever one reference does to it
            if not lane.closed:
                preparation.on_failure(explained(error))
        else:
            if not lane.closed:
                preparation.on_prepared(prepared)
        return True

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._running and not self._waiting:
                    self._wake.wait()
                if not self._running:
                    return
            self.work()
