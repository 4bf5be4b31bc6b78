"""Publishing to a WHIP endpoint: audio, an empty video track, and the two channels."""

import logging
from collections.abc import Callable

from aiortc.mediastreams import MediaStreamTrack

from shared.webrtc.aiortc.rtcp_riders import tap_riders
from shared.webrtc.aiortc.sender_clock import round_trip_seconds
from shared.webrtc.channel import CONTROL, PARAMETERS
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.opus_sdp import OpusPreferences, prefer_opus
from shared.webrtc.peer import Peer, PeerState
from shared.webrtc.signaled_connection import SignaledConnection
from shared.webrtc.signaling import SignalingClient

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 20.0


class WhipConnection(SignaledConnection):
    """A published session. All methods belong to the event loop."""

    def __init__(
        self, peer: Peer, signaling: SignalingClient, ice_servers: tuple[IceServer, ...]
    ) -> None:
        super().__init__(peer, signaling)
        self.ice_servers = ice_servers
        """Those that the endpoint named."""

    @property
    def round_trip_seconds(self) -> float | None:
        """As RTCP measured it on the audio; None before that, or without audio."""
        for sender in self._peer.connection.getSenders():
            if sender.track is not None:
                return round_trip_seconds(sender)
        return None

    @property
    def parameters_dropped(self) -> int:
        """Parameter messages that were not sent because older ones still waited."""
        channel = self._peer.channel(PARAMETERS)
        return 0 if channel is None else channel.dropped

    def send_control(self, message: bytes) -> bool:
        """False when 64 KiB already wait: the link is gone or far too thin."""
        return self._peer.send(CONTROL, message)

    def send_parameters(self, message: bytes) -> bool:
        """False, and counted, when the channel does not take it at once; never queued."""
        return self._peer.send(PARAMETERS, message)

    @property
    def control_buffered_bytes(self) -> int:
        """Control bytes waiting for the network; a reference is paced by it."""
        channel = self._peer.channel(CONTROL)
        return 0 if channel is None else channel.buffered_bytes


class WhipClient:
    """Connects; connecting again after a loss is the caller's."""

    @staticmethod
    async def connect(
        url: str,
        token: str,
        *,
        audio_track: MediaStreamTrack | None,
        on_control: Callable[[bytes], None],
        on_parameters: Callable[[bytes], None],
        on_state: Callable[[PeerState], None] = lambda state: None,
        ice_servers: tuple[IceServer, ...] | None = None,
        opus: OpusPreferences | None = None,
        verify_tls: bool = True,
        timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
    ) -> WhipConnection:
        """Publish to `url`; returns with both channels open.

        `ice_servers` None asks the endpoint for its own. The callbacks run on the event loop.
        What the receiver says beside the sound (RTCP) goes to `on_parameters` too.
        Raises SignalingError when the endpoint refuses, is not there, or no connection comes
        about in time; nothing is left behind then.
        """
        signaling = SignalingClient(url, token, verify_tls=verify_tls)
        peer: Peer | None = None
        try:
            if ice_servers is None:
                ice_servers = await signaling.ice_servers()
            peer = Peer(
                ice_servers=ice_servers,
                on_state=on_state,
                on_breach=lambda reason: logger.warning("receiver: %s", reason),
            )
            # The order of RFC 9725's examples; both are there even when nothing is sent on
            # them yet, as nothing can be added later without trickle and renegotiation.
            peer.connection.addTransceiver(audio_track or "audio", direction="sendonly")
            peer.connection.addTransceiver("video", direction="sendonly")
            peer.create_channel(CONTROL, on_control)
            peer.create_channel(PARAMETERS, on_parameters)
            offer = prefer_opus(await peer.offer(), opus or OpusPreferences())
            answer = await signaling.post(offer)
            await peer.accept_answer(answer.sdp)
            for rtp_sender in peer.connection.getSenders():
                if rtp_sender.kind == "audio":
                    tap_riders(rtp_sender, on_parameters)
            await peer.wait_open((CONTROL, PARAMETERS), timeout_seconds)
        except BaseException:
            await signaling.close()
            if peer is not None:
                await peer.close()
            raise
        logger.info("publishing to %s", url)
        return WhipConnection(peer, signaling, ice_servers)
