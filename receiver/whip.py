"""A publishing session: the connection of a party that sends (RFC 9725)."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from aiortc import MediaStreamTrack, RTCRtpTransceiver

from receiver.message_rate import MessageRate
from receiver.plain_stream import PlainStream
from receiver.published_stream import OpenStream, PublishedStream, PublisherLink
from receiver.rooms import Seat
from receiver.session import OnEnd, Session
from shared.clock import Clock
from shared.control_message import Bye, ByeReason, pack_control
from shared.errors import BitstreamError, VersionError
from shared.in_band import Transport
from shared.limits import (
    CAMERA_DECODED_SIDE_MAX_PIXELS,
    CONTROL_MESSAGES_PER_SECOND,
    PARAMETER_MESSAGES_PER_SECOND,
)
from shared.metrics import Metrics
from shared.webrtc.aiortc.rtcp_riders import RtcpRiders
from shared.webrtc.aiortc.rtp_tap import tap_rtp, tap_sender_reports
from shared.webrtc.aiortc.video_gate import VideoGate, only_vp8
from shared.webrtc.audio import OpusArrivals, OpusPacket
from shared.webrtc.channel import CONTROL, PARAMETERS
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.opus_sdp import OpusPreferences, prefer_opus
from shared.webrtc.video_sdp import cap_video

logger = logging.getLogger(__name__)

FAREWELL_SECONDS = 0.1
"""What a `bye` gets to leave the machine before the connection closes under it."""


_TRANSPORTS = 25
"""Parameter messages, a second or two, whose way is told."""


class WhipSession(Session):
    """A party's connection and the stream that is made of it."""

    def __init__(
        self,
        session_id: str,
        seat: Seat,
        *,
        open_stream: OpenStream,
        clock: Clock,
        metrics: Metrics,
        ice_servers: Sequence[IceServer],
        on_end: OnEnd,
        fallback_video_max_bps: int = 300_000,
    ) -> None:
        """`fallback_video_max_bps`: what a party with channels may use for ordinary video."""
        super().__init__(
            session_id, seat, clock=clock, metrics=metrics, ice_servers=ice_servers, on_end=on_end
        )
        self._open_stream = open_stream
        self._fallback_video_max_bps = fallback_video_max_bps
        self._control_rate = MessageRate(CONTROL_MESSAGES_PER_SECOND)
        self._parameter_rate = MessageRate(PARAMETER_MESSAGES_PER_SECOND)
        self._transports: deque[Transport] = deque(maxlen=_TRANSPORTS)
        self._audio = OpusArrivals(
            self._on_audio,
            lambda reason: metrics.count("drops", reason),
            lambda arrival_ns: (
                None if self.stream is None else self.stream.capture_time(arrival_ns)
            ),
        )
        self._riders: RtcpRiders | None = None
        self._farewell_detail = ""
        self.stream: PublishedStream | None = None

    async def open(self, offer: str) -> str:
        self.peer.accept_channels([(CONTROL, self._on_control), (PARAMETERS, self._on_parameters)])
        await self.peer.accept_offer(offer)
        has_channels = self.peer.connection.sctp is not None
        if has_channels:
            self._audio.read_in_band(
                lambda message: self._on_parameters(message, Transport.IN_BAND)
            )
        video: MediaStreamTrack | None = None
        camera: VideoGate | None = None
        for transceiver in self.peer.connection.getTransceivers():
            if transceiver.kind == "audio":
                tap_rtp(transceiver.receiver, self._audio.on_rtp)
                tap_sender_reports(transceiver.receiver, self._audio.on_report)
                self._riders = RtcpRiders(transceiver.receiver)
            elif has_channels and camera is None and _can_fall_back(transceiver):
                camera = VideoGate(
                    transceiver.receiver,
                    max_side=CAMERA_DECODED_SIDE_MAX_PIXELS,
                    on_drop=lambda reason: self._metrics.count("drops", reason),
                )
            elif has_channels or video is not None:
                # A track that nobody reads would fill aiortc's unbounded queue.
                tap_rtp(transceiver.receiver, lambda packet: self._metrics.count("drops", "video"))
            else:
                video = transceiver.receiver.track
        if has_channels:
            link = PublisherLink(
                send_control=lambda message: self.peer.send(CONTROL, message),
                send_parameters=lambda message: self.peer.send(PARAMETERS, message),
                send_beside_sound=self._send_beside_sound,
                received_bytes=lambda: self.peer.wire.received_bytes,
                end=self.end,
                camera=camera,
            )
            self.stream = self._open_stream(link)
        else:
            self.stream = PlainStream(video, self._metrics)
        answer = prefer_opus(await self.peer.answer(), OpusPreferences())
        if has_channels:
            answer = cap_video(answer, self._fallback_video_max_bps)
        self.start(self.stream.run())
        self.start(self.watch())
        return answer

    def on_datagram(self) -> None:
        super().on_datagram()
        if self.stream is not None:
            self.stream.on_datagram()

    @property
    def parameter_transport(self) -> Transport | None:
        """The way of most of the newest parameter messages; None before the first."""
        return max(Transport, key=self._transports.count) if self._transports else None

    @property
    def audio_loss(self) -> float:
        """Share of the audio packets that never came, 0..1."""
        expected = self._audio.received + self._audio.lost
        return self._audio.lost / expected if expected else 0.0

    def _on_audio(self, packet: OpusPacket) -> None:
        if self.stream is not None:
            self.stream.on_audio(packet)

    def _send_beside_sound(self, report: bytes) -> bool:
        return self._riders is not None and self._riders.send(report)

    def _on_control(self, message: bytes) -> None:
        if self._control_rate.allows(self._clock.now_ns()):
            self._hand_over(message, lambda stream: stream.on_control(message))
        else:
            self.breach(f"more than {CONTROL_MESSAGES_PER_SECOND} control messages a second")

    def _on_parameters(self, message: bytes, transport: Transport = Transport.DATA_CHANNEL) -> None:
        if self._parameter_rate.allows(self._clock.now_ns()):
            self._transports.append(transport)
            self._metrics.count("parameter_messages", transport.value)
            self._hand_over(message, lambda stream: stream.on_parameters(message, transport))
        else:
            self.breach(f"more than {PARAMETER_MESSAGES_PER_SECOND} parameter messages a second")

    def _hand_over(self, message: bytes, deliver: Callable[[PublishedStream], None]) -> None:
        if self.stream is None:
            return
        try:
            deliver(self.stream)
        except VersionError as error:
            logger.warning("room %s, party %s: %s", self.seat.room, self.seat.party, error)
            self._metrics.count("refused", "version")
            self._farewell_detail = str(error)
            self.end(ByeReason.VERSION)
        except BitstreamError as error:
            self._metrics.count("drops", "bitstream")
            self.breach(f"message of {len(message)} bytes dropped: {error}")

    async def close(self, reason: ByeReason) -> None:
        if self.peer.send(CONTROL, pack_control(Bye(reason, self._farewell_detail))):
            await asyncio.sleep(FAREWELL_SECONDS)
        await self.stop_tasks()
        if self.stream is not None:
            await self.stream.close()
        await self.peer.close()


def _can_fall_back(transceiver: RTCRtpTransceiver) -> bool:
    """Whether video may come on it that is decoded here."""
    return transceiver.receiver.track is not None and only_vp8(transceiver)
