"""A party's picture as a WebRTC video track."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from receiver.picture_maker import RebuiltPicture
from shared.clock import TICKS_PER_SECOND, Clock, ns_from_ticks, ticks_difference
from shared.metrics import Metrics, Stage

_TIME_BASE = Fraction(1, TICKS_PER_SECOND)


@dataclass(frozen=True, slots=True, eq=False)
class CameraPicture:
    """A frame of ordinary video that is passed on."""

    planar: NDArray[np.uint8]
    """(3 H / 2, W): planar YUV 4:2:0; both sides are even."""

    capture_time: int | None
    """90 kHz ticks modulo 2^32; None before the video's sender told its clock."""


class RebuiltVideoTrack(MediaStreamTrack):
    """One viewer's video: a slot of one picture, where the newest wins.

    Before the first picture it delivers nothing: the page shows that it waits, never a wrong
    face.
    """

    kind = "video"

    def __init__(
        self,
        *,
        clock: Clock,
        metrics: Metrics,
        on_stop: Callable[["RebuiltVideoTrack"], None],
    ) -> None:
        super().__init__()
        self._clock = clock
        self._metrics = metrics
        self._on_stop = on_stop
        self._slot: tuple[RebuiltPicture | CameraPicture, int] | None = None
        self._last_capture_time: int | None = None
        self._filled = asyncio.Event()

    @property
    def last_capture_time(self) -> int | None:
        """90 kHz ticks modulo 2^32 of the frame that `recv` returned last."""
        return self._last_capture_time

    def put(self, picture: RebuiltPicture | CameraPicture, pts: int) -> None:
        """Offer a picture; one that nobody took is dropped and counted."""
        if self._slot is not None:
            self._metrics.count("frames_dropped", "viewer")
        self._slot = (picture, pts)
        self._filled.set()

    async def recv(self) -> av.VideoFrame:
        """The next picture: yuv420p, pts in 90 kHz ticks of the playout clock.

        Raises MediaStreamError once the track is stopped.
        """
        while self._slot is None:
            if self.readyState != "live":
                raise MediaStreamError
            self._filled.clear()
            await self._filled.wait()
        (picture, pts), self._slot = self._slot, None
        frame = _frame_of(picture.planar)
        frame.pts = pts
        frame.time_base = _TIME_BASE
        self._last_capture_time = picture.capture_time
        if isinstance(picture, RebuiltPicture):
            elapsed = ticks_difference(self._clock.now_ticks(), picture.capture_time)
            self._metrics.observe_ms(Stage.LATENCY, ns_from_ticks(elapsed) / 1e6)
        return frame

    def stop(self) -> None:
        """End the track; a waiting `recv` raises."""
        if self.readyState == "live":
            super().stop()
            self._on_stop(self)
            self._filled.set()


def _frame_of(planar: NDArray[np.uint8]) -> av.VideoFrame:
    """yuv420p: in the picture's own memory, which nobody changes, where PyAV can do so."""
    # It takes the height from sixths of the rows.
    if planar.shape[0] % 6:
        return av.VideoFrame.from_ndarray(planar, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(planar, format="yuv420p")
