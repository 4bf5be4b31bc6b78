"""The sound of one party: released packet by packet to all viewers."""

import asyncio

from receiver.audio_relay import AudioRelay
from shared.clock import Clock
from shared.webrtc.audio import OpusPacket, OpusPacketTrack

_LONGEST_WAIT_SECONDS = 0.02
"""The playout delay moves meanwhile: it is looked at as often as sound comes."""


class SoundStream:
    """Puts the relay's packets on the viewers' tracks in their time. Belongs to the event loop."""

    def __init__(self, relay: AudioRelay, *, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock
        self._viewers: list[OpusPacketTrack] = []
        self._awake = asyncio.Event()
        """Set when another packet is due next, or one may be due."""

    def receive(self, packet: OpusPacket) -> None:
        """A packet came."""
        if self._relay.receive(packet):
            self._awake.set()

    def subscribe(self) -> OpusPacketTrack:
        """A track for one more viewer; its `stop` ends the subscription."""
        track = OpusPacketTrack()
        self._viewers.append(track)
        return track

    async def run(self) -> None:
        """Release packets until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            now_ns = self._clock.now_ns()
            self.release(now_ns)
            due_ns = self._relay.next_due_ns(now_ns)
            self._awake.clear()
            if due_ns is None:
                await self._awake.wait()
                continue
            seconds = min(max(due_ns - now_ns, 0) / 1e9, _LONGEST_WAIT_SECONDS)
            # Cheaper than a timeout, which cancels its task, for every packet of a call.
            timer = loop.call_later(seconds, self._awake.set)
            try:
                await self._awake.wait()
            finally:
                timer.cancel()

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
