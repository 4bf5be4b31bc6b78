"""A player of the call that keeps what it gets, for files and measurements.

    RTP of the picture hop --> assemble --(own thread)--> decode, read the bar code --> PlayedCall
    RTP of the sound ---------------------------------------------------------------> PlayedCall

Pictures are kept as they came, 40 to 60 KB a second; films are made after the call, so that the
call has the machine to itself.
"""

import logging
import queue
import threading
import time

import av
import numpy as np

from benchmarks.played_call import PlayedCall, PlayedPacket, PlayedPicture
from benchmarks.vp8 import Vp8Assembler
from shared import bar_code
from shared.clock import SystemClock, ns_from_ticks, ticks_difference
from shared.errors import BitstreamError
from shared.webrtc.aiortc.rtp_tap import RtpArrival

logger = logging.getLogger(__name__)

_QUEUE_PICTURES = 64
_KEPT_BYTES = 512 * 1024 * 1024
"""More than an hour of both; what comes after is measured, not kept."""


class Player:
    """Takes RTP packets on the event loop, decodes in a thread of its own."""

    def __init__(self, clock: SystemClock) -> None:
        self.call = PlayedCall()
        self._clock = clock
        self._assembler = Vp8Assembler()
        self._kept_bytes = 0
        self._encoded: queue.Queue[tuple[bytes, int] | None] = queue.Queue(_QUEUE_PICTURES)
        self.needs_key_picture = False
        """Pictures come that cannot be decoded without one before them."""
        self._thread = threading.Thread(target=self._decode, name="player", daemon=True)
        self._thread.start()

    def on_video(self, packet: RtpArrival) -> None:
        """A packet of the picture hop."""
        try:
            data = self._assembler.push(packet)
        except BitstreamError as error:
            logger.debug("player: %s", error)
            return
        self.call.pictures_lost = self._assembler.pictures_lost
        if data is None:
            return
        try:
            self._encoded.put_nowait((data, packet.timestamp))
        except queue.Full:
            self._assembler.pictures_lost += 1

    def on_audio(self, packet: RtpArrival) -> None:
        """An Opus packet."""
        if self._keep(len(packet.payload)):
            self.call.packets.append(
                PlayedPacket(packet.payload, packet.timestamp, packet.arrival_ns)
            )

    def close(self) -> PlayedCall:
        """Decode what waits and stop; everything that was played."""
        if self._thread.is_alive():
            self._encoded.put(None)
            self._thread.join()
        return self.call

    def _keep(self, size: int) -> bool:
        self._kept_bytes += size
        return self._kept_bytes <= _KEPT_BYTES

    def _decode(self) -> None:
        decoder = av.CodecContext.create("libvpx", "r")
        decoder.thread_count = 1
        while (encoded := self._encoded.get()) is not None:
            data, timestamp = encoded
            try:
                frames = decoder.decode(av.Packet(data))
            except av.error.FFmpegError as error:
                # Before the first key picture, or after a gap until the next.
                logger.debug("player: picture not decoded: %s", error)
                self.call.pictures_lost += 1
                self.needs_key_picture = True
                continue
            self.needs_key_picture = False
            decoded_ns = time.monotonic_ns()
            capture_time = bar_code.read(_luma(frames[-1])) if frames else None
            latency_ms = None
            if capture_time is not None:
                ticks = ticks_difference(self._clock.ticks_at(decoded_ns), capture_time)
                latency_ms = ns_from_ticks(ticks) / 1e6
            if self._keep(len(data)):
                self.call.pictures.append(
                    PlayedPicture(data, timestamp, decoded_ns, capture_time, latency_ms)
                )


def _luma(frame: av.VideoFrame) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """(H, W) of a yuv420p frame, without converting it."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
