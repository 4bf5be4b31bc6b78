"""A party's ordinary video, which it falls back to where its face cannot be rebuilt."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from aiortc.mediastreams import MediaStreamError
from av.error import FFmpegError

from receiver.message_rate import MessageRate
from receiver.video_track import CameraPicture
from shared.clock import Clock
from shared.limits import CAMERA_FRAMES_PER_SECOND, CAMERA_SIDE_MAX_PIXELS
from shared.metrics import Metrics

_log = logging.getLogger(__name__)

_SIDE_MIN_PIXELS = 16


class CameraSource(Protocol):
    """Video that is decoded while it is wanted."""

    def open(self) -> None:
        """Decode what comes, from the next picture on that stands alone."""

    def close(self) -> None:
        """Drop what comes."""

    async def recv(self) -> tuple[Any, int | None]:
        """The next frame (PyAV) and its capture time, 90 kHz ticks modulo 2^32, if known.

        Raises MediaStreamError when no more will come.
        """


class CameraStream:
    """Reads a party's video all the time and shows what is wanted. Belongs to the event loop."""

    def __init__(
        self,
        source: CameraSource | None,
        *,
        clock: Clock,
        metrics: Metrics,
        show: Callable[[CameraPicture, int], None],
    ) -> None:
        """`show(picture, time)`: a frame to show; time in 90 kHz ticks of the video's clock."""
        self._source = source
        self._clock = clock
        self._metrics = metrics
        self._show = show
        self._wanted = False
        self._rate = MessageRate(CAMERA_FRAMES_PER_SECOND)

    def want(self, wanted: bool) -> None:
        """Whether frames are to be decoded and shown."""
        if self._source is None or wanted is self._wanted:
            return
        self._wanted = wanted
        if wanted:
            self._source.open()
        else:
            self._source.close()

    async def run(self) -> None:
        """Read until the video ends; what is not wanted is dropped."""
        if self._source is None:
            return
        while True:
            try:
                frame, capture_time = await self._source.recv()
            except MediaStreamError:
                return
            await self.receive(frame, capture_time)

    async def receive(self, frame: Any, capture_time: int | None) -> None:
        """A decoded frame came."""
        if not self._wanted:
            return
        if not self._rate.allows(self._clock.now_ns()):
            self._metrics.count("drops", "camera_rate")
            return
        try:
            picture = await asyncio.to_thread(_picture, frame, capture_time)
        except (FFmpegError, ValueError) as error:
            _log.debug("a frame of video is dropped: %s", error)
            self._metrics.count("drops", "camera_frame")
            return
        if self._wanted:
            if max(frame.width, frame.height) > CAMERA_SIDE_MAX_PIXELS:
                self._metrics.count("camera_scaled")
            self._show(picture, frame.pts or 0)


def _picture(frame: Any, capture_time: int | None) -> CameraPicture:
    """The frame within its limits and with even sides."""
    scale = min(1.0, CAMERA_SIDE_MAX_PIXELS / max(frame.width, frame.height))
    width, height = (
        max(_SIDE_MIN_PIXELS, int(side * scale) & ~1) for side in (frame.width, frame.height)
    )
    planar = frame.reformat(width=width, height=height, format="yuv420p").to_ndarray()
    return CameraPicture(planar=np.asarray(planar, np.uint8), capture_time=capture_time)
