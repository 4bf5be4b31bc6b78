"""A connection that was made over WHIP or WHEP, as its client holds it."""

from typing import Self

from shared.webrtc.peer import Peer, PeerState
from shared.webrtc.signaling import SignalingClient
from shared.webrtc.wire_counter import WireCounter


class SignaledConnection:
    """A peer and the session resource it was made by. All methods belong to the event loop."""

    def __init__(self, peer: Peer, signaling: SignalingClient) -> None:
        self._peer = peer
        self._signaling = signaling
        self._closed = False

    @property
    def state(self) -> PeerState:
        return self._peer.state

    @property
    def wire(self) -> WireCounter:
        """Every datagram of this connection."""
        return self._peer.wire

    async def close(self) -> None:
        """End the session on both sides; may be called more than once."""
        if not self._closed:
            self._closed = True
            await self._signaling.close()
            await self._peer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()
