"""Video of a connection that is decoded only while it is wanted.

aiortc decodes all that comes, in order, and its queues have no bound. Here packets end at the
tap until the gate opens; then its jitter buffer begins anew, the sender is asked for a key picture
(PLI, RFC 4585, section 6.3.1), and the decoder gets nothing before that.
"""

import logging
import queue
import time
from collections.abc import Callable
from typing import Any

import av
from aiortc import RTCRtpReceiver, RTCRtpTransceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import MediaStreamError
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RtcpByePacket, RtpPacket

from shared.clock import TICKS_MODULUS, ticks_difference
from shared.webrtc.aiortc.rtp_tap import SenderReport, count_packet, tap_sender_reports

logger = logging.getLogger(__name__)

KEY_REQUEST_SECONDS = 0.5
"""From one request for a key picture to the next."""

STALLED_SECONDS = 1.0
"""Packets that make no picture for so long: one is lost for good. aiortc waits for 512 more."""

_BACKLOG = 15
"""Pictures that may wait for the decoder, half a second's."""

_JITTER_CAPACITY = 512
"""Packets; as aiortc has it."""

_MAX_SOURCES = 4
"""A sender's stream and what repeats its packets; an endless row of them is no sender."""


def only_vp8(transceiver: RTCRtpTransceiver) -> bool:
    """Let the answer agree on VP8 alone; False where it was not offered.

    To be called between the offer and the answer.
    """
    internals: Any = transceiver
    base = [codec for codec in internals._codecs if codec.name.upper() == "VP8"][:1]
    if not base:
        return False
    internals._codecs = base + [
        codec
        for codec in internals._codecs
        if codec.name.lower() == "rtx" and codec.parameters.get("apt") == base[0].payloadType
    ]
    return True


class VideoGate:
    """One receiver's VP8 video, closed at first. Belongs to the event loop."""

    def __init__(
        self, receiver: RTCRtpReceiver, *, max_side: int, on_drop: Callable[[str], None]
    ) -> None:
        """To be made before packets come.

        Pictures of more pixels on a side than `max_side` are not decoded. `on_drop(reason)`:
        a packet or picture was dropped.
        """
        internals: Any = receiver
        self._internals = internals
        self._max_side = max_side
        self._on_drop = on_drop
        self._is_open = False
        self._awaits_key = True
        self._asked_s = self._fed_s = 0.0
        self._report: SenderReport | None = None
        self._pass_rtp = internals._handle_rtp_packet
        self._pass_rtcp = internals._handle_rtcp_packet
        internals._handle_rtp_packet = self._handle_rtp
        internals._handle_rtcp_packet = self._handle_rtcp
        tap_sender_reports(receiver, self._on_report)
        internals._RTCRtpReceiver__decoder_queue = _DecoderQueue(self._admits)

    def open(self) -> None:
        """Decode what comes, from the next key picture on."""
        self._is_open = True
        self._internals._RTCRtpReceiver__remote_bitrate_estimator = RemoteBitrateEstimator()
        self._begin_anew()
        self._asked_s = 0.0

    def close(self) -> None:
        """Drop what comes."""
        self._is_open = False
        self._begin_anew()

    async def recv(self) -> tuple[Any, int | None]:
        """The next frame and its capture time, 90 kHz ticks modulo 2^32, if it is known.

        Raises MediaStreamError when the connection is closed.
        """
        track = self._internals.track
        if track is None:
            raise MediaStreamError
        frame = await track.recv()
        return frame, self._capture_time(frame)

    def _capture_time(self, frame: av.VideoFrame) -> int | None:
        origin = self._internals._RTCRtpReceiver__timestamp_mapper._origin
        if self._report is None or origin is None or frame.pts is None:
            return None
        timestamp = (frame.pts + origin) % 2**32
        # Both clocks of the pair tick at 90 kHz.
        ahead = ticks_difference(timestamp, self._report.timestamp)
        return (self._report.capture_time + ahead) % TICKS_MODULUS

    def _on_report(self, report: SenderReport) -> None:
        self._report = report

    def _begin_anew(self) -> None:
        self._internals._RTCRtpReceiver__jitter_buffer = JitterBuffer(
            capacity=_JITTER_CAPACITY, is_video=True
        )
        self._internals._RTCRtpReceiver__nack_generator = NackGenerator()
        self._awaits_key = True
        self._fed_s = time.monotonic()

    async def _handle_rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if not self._is_open:
            count_packet(self._internals, packet)
            self._on_drop("video")
            return
        self._bound_sources(packet.ssrc)
        try:
            await self._pass_rtp(packet, arrival_time_ms)
        except Exception as error:
            # A stranger's bytes meet whatever lies nearest in aiortc.
            logger.debug("a packet of video is dropped: %r", error)
            self._on_drop("camera_packet")
        now_s = time.monotonic()
        if not self._awaits_key and now_s - self._fed_s > STALLED_SECONDS:
            self._on_drop("camera_stalled")
            self._begin_anew()
        if self._awaits_key and now_s - self._asked_s > KEY_REQUEST_SECONDS:
            self._asked_s = now_s
            for ssrc in list(self._internals._RTCRtpReceiver__remote_streams):
                await self._internals._send_rtcp_pli(ssrc)

    def _bound_sources(self, ssrc: int) -> None:
        """aiortc keeps a line for every SSRC that it ever heard of."""
        known = self._internals._RTCRtpReceiver__active_ssrc
        if ssrc not in known and len(known) >= _MAX_SOURCES:
            known.clear()
            self._internals._RTCRtpReceiver__remote_streams.clear()

    async def _handle_rtcp(self, packet: Any) -> None:
        # A track that is taken away says goodbye, and may come again; aiortc stops decoding.
        if not isinstance(packet, RtcpByePacket):
            await self._pass_rtcp(packet)

    def _admits(self, codec: Any, data: bytes, waiting: int) -> bool:
        """Whether a picture of `codec` goes to the decoder, for which `waiting` others wait."""
        if not self._is_open or codec.name.upper() != "VP8":
            return False
        self._fed_s = time.monotonic()
        size = key_picture_size(data)
        if size is not None:
            self._awaits_key = max(size) > self._max_side
            if self._awaits_key:
                self._on_drop("camera_size")
        if not self._awaits_key and waiting >= _BACKLOG:
            self._on_drop("camera_backlog")
            self._awaits_key = True
        return not self._awaits_key


def key_picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a VP8 picture that stands alone; None for others (RFC 6386, 9.1)."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = (int.from_bytes(data[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


class _DecoderQueue(queue.Queue[Any]):
    """What aiortc hands to its decoder's thread, less what is not admitted."""

    def __init__(self, admits: Callable[[Any, bytes, int], bool]) -> None:
        super().__init__()
        self._admits = admits

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        # None ends the thread.
        if item is None or self._admits(item[0], item[1].data, self.qsize()):
            super().put(item, block, timeout)
