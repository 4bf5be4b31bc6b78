"""A video file as a camera: decoded in real time, looped on one continuous timeline."""

import time
from collections.abc import Iterator

import av
import numpy as np

from sender.capture import MAX_FPS, CapturedFrame, Pacer, RateCap, StageTimer
from sender.media_file import MediaFile, MediaTimeline, video_frames
from shared.clock import SystemClock
from shared.errors import CaptureError
from shared.metrics import Metrics
from shared.parameters import Image

_LATE_NS = 120_000_000
"""A frame later than this is left out: the machine cannot keep up, newer ones wait."""

_STARVING_NS = 250_000_000
"""Late or not, a frame is shown after so long: a machine that never keeps up still shows some."""


class VideoFileSource:
    """The pictures of a file, each at its time, again and again."""

    def __init__(
        self,
        media: MediaFile,
        timeline: MediaTimeline,
        *,
        clock: SystemClock,
        metrics: Metrics,
        fps: float = MAX_FPS,
    ) -> None:
        self._media = media
        self._timeline = timeline
        self._clock = clock
        self._metrics = metrics
        self._fps = fps
        self._pacer = Pacer(clock)
        self._shown_ns = 0

    def close(self) -> None:
        self._pacer.stop()

    def frames(self) -> Iterator[CapturedFrame]:
        """Raises CaptureError when the file can no longer be read."""
        cap = RateCap(self._fps)
        # Not 0 where a file that could not be read is tried again.
        turn = self._timeline.turn_at(self._clock.now_ns())
        while not self._pacer.stopped:
            try:
                with av.open(str(self._media.path)) as container:
                    yield from self._turn(container, turn, cap)
            except (av.error.FFmpegError, OSError) as error:
                raise CaptureError(f"{self._media.path} can no longer be read: {error}") from error
            turn += 1
            # A file whose pictures end early (or that stopped being one) must not spin.
            if not self._pacer.wait_until(self._timeline.turn_start_ns(turn) - 20_000_000):
                return

    def _turn(
        self, container: av.container.InputContainer, turn: int, cap: RateCap
    ) -> Iterator[CapturedFrame]:
        timer = StageTimer(self._metrics)
        video = container.streams.video[0]
        video.codec_context.thread_count = 1  # more would take the analysis its core
        frames = video_frames(container, lambda: self._metrics.count("frames_dropped", "damaged"))
        while not self._pacer.stopped:
            start_ns = time.perf_counter_ns()
            frame = next(frames, None)
            if frame is None:
                return
            timer.add(start_ns)
            if frame.time is None:
                continue
            time_ns = self._timeline.time_ns(frame.time, turn=turn)
            if not cap.keep(time_ns):
                continue
            late = self._clock.now_ns() - time_ns > _LATE_NS
            if late and time_ns - self._shown_ns < _STARVING_NS:
                self._metrics.count("frames_dropped", "late")
                continue
            start_ns = time.perf_counter_ns()
            image = upright_image(frame)
            timer.add(start_ns)
            timer.finish()
            if not self._pacer.wait_until(time_ns):
                return
            self._shown_ns = time_ns
            yield CapturedFrame(image, time_ns, self._clock.ticks_at(time_ns))


def upright_image(frame: av.VideoFrame) -> Image:
    """(H, W, 3) uint8 RGB of a decoded frame, turned as its rotation metadata asks."""
    image: Image = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    quarters = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, quarters)) if quarters else image
