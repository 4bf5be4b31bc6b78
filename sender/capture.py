"""Frames with their capture time, from any source, through a slot of one.

    FrameSource.frames() --(own thread)--> FrameSlot --(newest wins)--> whoever analyses

A source that fails while running raises CaptureError; the thread tells so, waits a little
longer each time, and tries again.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from sender.backoff import Backoff
from shared.clock import SystemClock
from shared.errors import CaptureError
from shared.metrics import Metrics, Stage
from shared.parameters import Image

_logger = logging.getLogger(__name__)

MAX_FPS = 25.0
"""Frames a second that a call sends unless told otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class CapturedFrame:
    """One picture of a source."""

    image: Image
    """(H, W, 3) uint8 RGB; whoever holds it owns it."""

    time_ns: int
    """Monotonic nanoseconds of the capture."""

    capture_time: int
    """The same moment in 90 kHz ticks of the NTP clock, modulo 2^32: what goes on the wire."""


class FrameSource(Protocol):
    """A camera, a file, a drawn portrait."""

    def frames(self) -> Iterator[CapturedFrame]:
        """Block until the next frame is due and yield it, never faster than real time.

        Ends when `close` was called; raises CaptureError when the source fails.
        """

    def close(self) -> None:
        """Make `frames` end soon; may be called from any thread, more than once."""


class RateCap:
    """Says which frames to keep so that at most `fps` a second remain.

    By the frames' times, never by counting them: 30 fps becomes 25 by leaving out each sixth,
    a camera that slows down to 15 fps in the dark loses none.
    """

    def __init__(self, fps: float) -> None:
        self._period_ns = round(1e9 / fps)
        self._due_ns: int | None = None

    def keep(self, time_ns: int) -> bool:
        """Whether to keep the frame of this time; times must not go back."""
        # A camera's times jitter by some ms; an eighth of a period forgives that.
        if self._due_ns is not None and time_ns < self._due_ns - self._period_ns // 8:
            return False
        due_ns = time_ns if self._due_ns is None else self._due_ns
        # After a gap, the grid starts anew instead of letting a burst catch up.
        in_step = time_ns - due_ns < self._period_ns
        self._due_ns = (due_ns if in_step else time_ns) + self._period_ns
        return True


class Pacer:
    """Waits for moments of the monotonic clock, and can be stopped from another thread."""

    def __init__(self, clock: SystemClock) -> None:
        self.clock = clock
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def wait_until(self, time_ns: int) -> bool:
        """Sleep until then; False when stopped."""
        return self.wait((time_ns - self.clock.now_ns()) / 1e9)

    def wait(self, seconds: float) -> bool:
        """Sleep that long (not at all when negative); False when stopped."""
        return not self._stopped.wait(max(seconds, 0.0))


class FrameSlot:
    """A slot of one between two threads: the newest frame wins, the older one is counted."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._condition = threading.Condition()
        self._frame: CapturedFrame | None = None

    def put(self, frame: CapturedFrame) -> None:
        with self._condition:
            if self._frame is not None:
                self._metrics.count("frames_dropped", "capture")
            self._frame = frame
            self._condition.notify()

    def take(self, timeout: float) -> CapturedFrame | None:
        """The newest frame not yet taken, waiting up to `timeout` seconds; None when none came."""
        with self._condition:
            if self._frame is None:
                self._condition.wait(timeout)
            frame, self._frame = self._frame, None
            return frame


class CaptureThread:
    """Runs a source in its own thread for as long as the call lasts."""

    def __init__(
        self,
        source: FrameSource,
        slot: FrameSlot,
        *,
        metrics: Metrics,
        on_available: Callable[[bool], None],
    ) -> None:
        """`on_available` is called from the thread: False when the source failed, True again."""
        self._source = source
        self._slot = slot
        self._metrics = metrics
        self._on_available = on_available
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the source and wait for the thread to end."""
        self._stopping.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        backoff = Backoff()
        available = True
        while not self._stopping.is_set():
            try:
                for frame in self._source.frames():
                    if not available:
                        _logger.info("capture is back")
                        self._on_available(True)
                    available = True
                    backoff.reset()
                    self._metrics.count("frames_in")
                    self._slot.put(frame)
                    if self._stopping.is_set():
                        return
                if self._stopping.is_set():
                    return
                raise CaptureError("the source ended")
            except CaptureError as error:
                self._metrics.count("capture_errors")
                if available:
                    _logger.warning("%s; trying again", error)
                    self._on_available(False)
                available = False
                self._stopping.wait(backoff.next_seconds())


class StageTimer:
    """Times the work between two yields of a generator as one duration of CAPTURE."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._busy_ns = 0

    def add(self, start_ns: int) -> None:
        """Count the time since `time.perf_counter_ns()` was `start_ns` towards this frame."""
        self._busy_ns += time.perf_counter_ns() - start_ns

    def finish(self) -> None:
        """The frame is done."""
        self._metrics.observe_ms(Stage.CAPTURE, self._busy_ns / 1e6)
        self._busy_ns = 0
