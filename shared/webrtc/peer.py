"""One WebRTC connection, what both ends of it share: descriptions, channels, states, closing."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError

from shared.errors import SignalingError
from shared.webrtc.aiortc import adjustments
from shared.webrtc.aiortc.datagrams import count_datagrams, label_video
from shared.webrtc.aiortc.sctp_limits import is_overrun
from shared.webrtc.channel import Channel, ChannelKind
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.wire_counter import WireCounter

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_SECONDS = 5.0
"""Closing sends a few last packets; it must not hang on a peer that is gone."""


class PeerState(Enum):
    """Where a connection stands. FAILED and CLOSED are final."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


class Peer:
    """An `RTCPeerConnection` with our settings: one transport for all, patched, counted.

    Callbacks run on the event loop and must not block. Set them before the first description.
    """

    def __init__(
        self,
        *,
        ice_servers: Sequence[IceServer] = (),
        on_state: Callable[[PeerState], None] = lambda state: None,
        on_breach: Callable[[str], None] = lambda reason: None,
        on_datagram: Callable[[], None] | None = None,
    ) -> None:
        adjustments.apply()
        self.connection = RTCPeerConnection(
            RTCConfiguration(
                # An empty list, as none at all means a public server of Google's to aiortc.
                iceServers=[server.for_aiortc() for server in ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        self.wire = WireCounter()
        self.state = PeerState.CONNECTING
        self._on_state = on_state
        self._on_breach = on_breach
        self._on_datagram = on_datagram
        self._channels: dict[str, Channel] = {}
        self._expected: Mapping[str, tuple[ChannelKind, Callable[[bytes], None]]] = {}
        self._open = asyncio.Event()
        self.connection.on("connectionstatechange", self._connection_state_changed)

    def create_channel(self, kind: ChannelKind, on_message: Callable[[bytes], None]) -> Channel:
        """Open a channel of ours; before the offer."""
        channel = self.connection.createDataChannel(
            kind.label, ordered=kind.ordered, maxRetransmits=kind.max_retransmits
        )
        return self._add(channel, kind, on_message)

    def accept_channels(
        self, expected: Sequence[tuple[ChannelKind, Callable[[bytes], None]]]
    ) -> None:
        """Take channels that the other side opens under these labels; others are closed."""
        self._expected = {kind.label: (kind, on_message) for kind, on_message in expected}
        self.connection.on("datachannel", self._channel_opened)

    def channel(self, kind: ChannelKind) -> Channel | None:
        """The channel of this kind, open or not; None before it exists."""
        return self._channels.get(kind.label)

    def send(self, kind: ChannelKind, message: bytes) -> bool:
        """Send on a channel; False when it is not there, not open, or full."""
        channel = self._channels.get(kind.label)
        return channel is not None and channel.send(message)

    async def wait_open(self, kinds: Sequence[ChannelKind], timeout_seconds: float) -> None:
        """Return once connected with these channels open.

        Raises SignalingError(504) when that takes too long or the connection fails.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while not (self.state is PeerState.CONNECTED and self._are_open(kinds)):
                    if self.state in (PeerState.FAILED, PeerState.CLOSED):
                        raise SignalingError(504, f"the connection {self.state.value} on the way")
                    self._open.clear()
                    await self._open.wait()
        except TimeoutError:
            raise SignalingError(
                504,
                f"no connection after {timeout_seconds:g} s, though signalling worked: "
                "is UDP blocked between the two sides?",
            ) from None

    def _are_open(self, kinds: Sequence[ChannelKind]) -> bool:
        return all(
            kind.label in self._channels and self._channels[kind.label].is_open for kind in kinds
        )

    async def offer(self) -> str:
        """The local offer with all candidates; media and channels must exist by now."""
        self._observe()
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept_answer(self, sdp: str) -> None:
        """Apply the other side's answer. Raises SignalingError(502) for one that cannot be used."""
        await self._set_remote(sdp, "answer", status=502)
        label_video(self.connection, self.wire)

    async def accept_offer(self, sdp: str) -> None:
        """Apply the other side's offer; tracks may be added before `answer`.

        Raises SignalingError: 400 for text that is no usable offer, 406 for one without any
        codec that is spoken here.
        """
        # aiortc would find this out in a task of its own, after the answer.
        if "a=fingerprint:" not in sdp:
            raise SignalingError(400, "the SDP offer cannot be used: no DTLS fingerprint")
        await self._set_remote(sdp, "offer", status=400)

    async def answer(self) -> str:
        """The local answer with all candidates."""
        self._observe()
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        label_video(self.connection, self.wire)
        return str(self.connection.localDescription.sdp)

    async def _set_remote(self, sdp: str, kind: str, *, status: int) -> None:
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp, kind))
        except OperationError as error:
            raise SignalingError(406, f"the SDP {kind} has no codec in common: {error}") from error
        except Exception as error:
            # aiortc's parser meets a stranger's text with whatever exception lies nearest
            # (AssertionError, AttributeError, StopIteration ...).
            detail = str(error) or type(error).__name__
            raise SignalingError(status, f"the SDP {kind} cannot be used: {detail}") from error

    def _observe(self) -> None:
        count_datagrams(self.connection, self.wire, self._on_datagram)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        expected = self._expected.get(channel.label)
        if expected is None or channel.label in self._channels:
            self._on_breach(f"channel {len(self._channels)} opened under a name not expected")
            channel.close()
            return
        self._add(channel, *expected)

    def _add(
        self, channel: RTCDataChannel, kind: ChannelKind, on_message: Callable[[bytes], None]
    ) -> Channel:
        self._channels[kind.label] = Channel(
            channel,
            kind,
            on_message=on_message,
            on_breach=self._on_breach,
            on_open=self._open.set,
            on_close=self._channel_closed,
        )
        return self._channels[kind.label]

    def _connection_state_changed(self) -> None:
        states = {
            "connected": PeerState.CONNECTED,
            "failed": PeerState.FAILED,
            "closed": PeerState.CLOSED,
        }
        self._enter(states.get(self.connection.connectionState, PeerState.CONNECTING))

    def _channel_closed(self) -> None:
        """The other side leaves, or went beyond what is held: of no use without channels."""
        if self.state is PeerState.CONNECTED and is_overrun(self.connection):
            self._on_breach("messages without end")
        self._enter(PeerState.CLOSED)

    def _enter(self, state: PeerState) -> None:
        if state is not self.state and self.state not in (PeerState.FAILED, PeerState.CLOSED):
            self.state = state
            self._open.set()
            self._on_state(state)

    async def close(self) -> None:
        """Close everything; may be called more than once, from any state."""
        if self.state is not PeerState.CLOSED:
            self.state = PeerState.CLOSED
            self._open.set()
            self._on_state(PeerState.CLOSED)
        try:
            await asyncio.wait_for(self.connection.close(), CLOSE_TIMEOUT_SECONDS)
        except TimeoutError:
            logger.warning("connection not closed after %g s, given up", CLOSE_TIMEOUT_SECONDS)
