"""The sound of one party: released packet by packet to all viewers."""

import asyncio

from receiver.audio_relay import AudioRelay
from shared.clock import Clock
from shared.webrtc.audio import OpusPacket, OpusPacketTrack

_LONGEST_WAIT_SECONDS = 0.1
"""The playout delay moves meanwhile."""


class SoundStream:
    """Puts the relay's packets on the viewers' tracks in their time. Belongs to the event loop."""

    def __init__(self, relay: AudioRelay, *, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock
        self._viewers: list[OpusPacketTrack] = []
        self._packets_came = asyncio.Event()

    def receive(self, packet: OpusPacket) -> None:
        """A packet came."""
        self._relay.receive(packet)
        self._packets_came.set()

    def subscribe(self) -> OpusPacketTrack:
        """A track for one more viewer; its `stop` ends the subscription."""
        track = OpusPacketTrack()
        self._viewers.append(track)
        return track

    async def run(self) -> None:
        """Release packets until cancelled."""
        while True:
            now_ns = self._clock.now_ns()
            self.release(now_ns)
            due_ns = self._relay.next_due_ns(now_ns)
            timeout = None if due_ns is None else max(due_ns - now_ns, 0) / 1e9
            self._packets_came.clear()
            try:
                # An early packet may come while a later one waits.
                async with asyncio.timeout(
                    None if timeout is None else min(timeout, _LONGEST_WAIT_SECONDS)
                ):
                    await self._packets_came.wait()
            except TimeoutError:
                pass

    def release(self, now_ns: int) -> None:
        """Hand out what is due."""
        self._viewers = [viewer for viewer in self._viewers if viewer.readyState == "live"]
        for packet in self._relay.release(now_ns):
            for viewer in self._viewers:
                viewer.put(packet)

    def close(self) -> None:
        """End the viewers' tracks and forget what waits."""
        for viewer in self._viewers:
            viewer.stop()
        self._viewers.clear()
        self._relay.clear()
