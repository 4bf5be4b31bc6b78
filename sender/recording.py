"""What was captured, written beside the call for comparison with what the player saw.

An MP4 of the driving crops, each at its capture time, and of the Opus packets that were sent,
each at its own: time stamps are 90 kHz ticks (48 kHz for sound) since the file's start, whose
capture time stands in the comment. For benchmarks only: no call records anything by itself.
"""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sender.crop_image import crop_image
from shared.clock import TICKS_PER_SECOND, ticks_difference
from shared.errors import ConfigError
from shared.parameters import CROP_SIZE, Crop, Image

START_KEY = "capture_time_start="
"""Of the comment: the capture time, in ticks, that time stamp 0 stands for."""


class Recording:
    """Pictures come from one thread, sound from another."""

    def __init__(self, path: Path, *, size: int = CROP_SIZE, has_audio: bool) -> None:
        """Raises ConfigError when the file cannot be written."""
        try:
            path.open("wb").close()  # PyAV opens it with the first packet only
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
        self._container = av.open(str(path), "w", format="mp4")
        self._lock = threading.Lock()
        self._size = size
        self._start: int | None = None
        self._last_video_pts = self._last_audio_pts = -1
        self._video = self._container.add_stream("libx264", rate=25)
        self._video.width = self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, TICKS_PER_SECOND)
        self._video.codec_context.time_base = Fraction(1, TICKS_PER_SECOND)
        self._video.codec_context.thread_count = 1
        # Fast, since the call itself runs beside it on the same cores.
        self._video.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "12"}
        self._audio = None
        if has_audio:
            self._audio = self._container.add_stream("libopus", rate=48_000, layout="mono")
            self._audio.time_base = Fraction(1, 48_000)

    def add_picture(self, frame: Image, crop: Crop, capture_time: int) -> None:
        """The crop of a camera frame as the call shows it."""
        image = crop_image(frame, crop, self._size)
        with self._lock:
            pts = self._since_start(capture_time)
            if pts <= self._last_video_pts:
                return
            self._last_video_pts = pts
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            picture.pts = pts
            picture.time_base = Fraction(1, TICKS_PER_SECOND)
            for packet in self._video.encode(picture):
                self._container.mux(packet)

    def add_audio(self, payload: bytes, capture_time: int) -> None:
        """An Opus packet as it is sent."""
        with self._lock:
            if self._audio is None or self._start is None:
                return
            pts = self._since_start(capture_time) * 48_000 // TICKS_PER_SECOND
            if pts <= self._last_audio_pts:
                return
            self._last_audio_pts = pts
            packet = av.Packet(payload)
            packet.stream = self._audio
            packet.time_base = Fraction(1, 48_000)
            packet.pts = packet.dts = pts
            self._container.mux(packet)

    def _since_start(self, capture_time: int) -> int:
        if self._start is None:
            self._start = capture_time
            self._container.metadata["comment"] = f"{START_KEY}{capture_time}"
        return ticks_difference(capture_time, self._start)

    def close(self) -> None:
        with self._lock:
            if self._start is not None:
                for packet in self._video.encode(None):
                    self._container.mux(packet)
            self._container.close()
