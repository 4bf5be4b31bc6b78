"""A player without a screen: the packets of a call as they come from a WHEP endpoint."""

import logging
from collections.abc import Callable

from receiver.status_message import PlayerStatus, parse_message
from shared.clock import TICKS_MODULUS, TICKS_PER_SECOND
from shared.control_message import ByeReason
from shared.errors import BitstreamError
from shared.sequence import sequence_difference
from shared.webrtc.aiortc.rtp_tap import (
    RtpArrival,
    SenderReport,
    tap_rtp,
    tap_sender_reports,
)
from shared.webrtc.aiortc.video import request_key_picture
from shared.webrtc.audio import SAMPLE_RATE_HZ
from shared.webrtc.channel import STATUS
from shared.webrtc.peer import Peer, PeerState
from shared.webrtc.signaled_connection import SignaledConnection
from shared.webrtc.signaling import SignalingClient

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 20.0


class CaptureClock:
    """Capture times of RTP timestamps, by the newest sender report of their stream."""

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._report: SenderReport | None = None

    def on_report(self, report: SenderReport) -> None:
        self._report = report

    def capture_time(self, timestamp: int) -> int | None:
        """90 kHz ticks modulo 2^32 in the publisher's clock; None before the first report."""
        if self._report is None:
            return None
        behind = sequence_difference(timestamp, self._report.timestamp, bits=32)
        ticks = behind * TICKS_PER_SECOND // self._clock_rate
        return (self._report.capture_time + ticks) % TICKS_MODULUS


class WhepConnection(SignaledConnection):
    """A call that is played. All methods belong to the event loop."""

    def __init__(self, peer: Peer, signaling: SignalingClient) -> None:
        super().__init__(peer, signaling)
        self.audio_clock = CaptureClock(SAMPLE_RATE_HZ)
        self.video_clock = CaptureClock(TICKS_PER_SECOND)

    async def request_key_picture(self) -> None:
        """Ask the receiver for a picture that needs none before it (RTCP PLI)."""
        await request_key_picture(self._peer.connection)


class WhepClient:
    """Connects to a WHEP endpoint."""

    @staticmethod
    async def connect(
        url: str,
        token: str,
        *,
        on_video: Callable[[RtpArrival], None],
        on_audio: Callable[[RtpArrival], None],
        on_status: Callable[[PlayerStatus], None] = lambda status: None,
        on_bye: Callable[[ByeReason], None] = lambda reason: None,
        on_state: Callable[[PeerState], None] = lambda state: None,
        verify_tls: bool = True,
        timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> WhepConnection:
        """Play `url`; nothing is buffered or decoded: each RTP packet is handed on as it comes.

        Raises SignalingError as `WhipClient.connect` does; nothing is left behind then.
        """

        def on_message(message: bytes) -> None:
            try:
                parsed = parse_message(message)
            except BitstreamError as error:
                logger.warning("status message dropped: %s", error)
                return
            if isinstance(parsed, PlayerStatus):
                on_status(parsed)
            else:
                on_bye(parsed)

        signaling = SignalingClient(url, token, verify_tls=verify_tls)
        peer: Peer | None = None
        try:
            peer = Peer(
                ice_servers=await signaling.ice_servers(),
                on_state=on_state,
                on_breach=lambda reason: logger.warning("receiver: %s", reason),
            )
            connection = WhepConnection(peer, signaling)
            for kind, on_packet, clock in (
                ("audio", on_audio, connection.audio_clock),
                ("video", on_video, connection.video_clock),
            ):
                transceiver = peer.connection.addTransceiver(kind, direction="recvonly")
                tap_rtp(transceiver.receiver, on_packet)
                tap_sender_reports(transceiver.receiver, clock.on_report)
            peer.create_channel(STATUS, on_message)
            answer = await signaling.post(await peer.offer())
            await peer.accept_answer(answer.sdp)
            await peer.wait_open((STATUS,), timeout_seconds)
        except BaseException:
            await signaling.close()
            if peer is not None:
                await peer.close()
            raise
        return connection
