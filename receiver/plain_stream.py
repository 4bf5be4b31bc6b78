"""A party that publishes ordinary video: its picture is passed on, not rebuilt."""

import asyncio
from typing import Any

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from receiver.party_state import PartyState
from shared.control_message import CallMode
from shared.in_band import Transport
from shared.metrics import Metrics
from shared.webrtc.audio import OpusPacket, OpusPacketTrack


class NewestFrameTrack(MediaStreamTrack):
    """A slot of one frame, where the newest wins."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._frame: Any = None
        self._filled = asyncio.Event()

    def put(self, frame: Any) -> None:
        self._frame = frame
        self._filled.set()

    async def recv(self) -> Any:
        """The next frame. Raises MediaStreamError once the track is stopped."""
        await self._filled.wait()
        if self.readyState != "live":
            raise MediaStreamError
        frame, self._frame = self._frame, None
        self._filled.clear()
        return frame

    def stop(self) -> None:
        super().stop()
        self._filled.set()


class PlainStream:
    """The `PublishedStream` of a WHIP client without our channels."""

    def __init__(self, video: MediaStreamTrack | None, metrics: Metrics) -> None:
        self._source = video
        self._metrics = metrics
        self._viewers: list[NewestFrameTrack] = []
        self._listeners: list[OpusPacketTrack] = []
        self._came = False

    @property
    def state(self) -> PartyState:
        """Nothing is known of a face; the picture is there or not."""
        return PartyState(connected=True, waiting=not self._came, mode=CallMode.VIDEO, plain=True)

    def on_control(self, message: bytes) -> None:
        """Such a client has no channels."""

    def on_parameters(self, message: bytes, transport: Transport = Transport.DATA_CHANNEL) -> None:
        """Such a client has no channels."""

    def capture_time(self, arrival_ns: int) -> int | None:
        """Nothing but the sender's reports dates a plain stream."""
        return None

    def on_datagram(self) -> None:
        """Silence needs no answer of a plain stream."""

    def on_audio(self, packet: OpusPacket) -> None:
        self._listeners = [track for track in self._listeners if track.readyState == "live"]
        for track in self._listeners:
            track.put(packet)

    def subscribe_video(self) -> NewestFrameTrack:
        track = NewestFrameTrack()
        self._viewers.append(track)
        return track

    def subscribe_audio(self) -> OpusPacketTrack:
        track = OpusPacketTrack()
        self._listeners.append(track)
        return track

    async def run(self) -> None:
        """Read the source all the time, viewers or not: aiortc's queue has no bound."""
        if self._source is None:
            return
        while True:
            try:
                frame = await self._source.recv()
            except MediaStreamError:
                return
            self._came = True
            self._metrics.count("plain_frames")
            self._viewers = [track for track in self._viewers if track.readyState == "live"]
            for track in self._viewers:
                # pts is moved by each viewer's timeline, so frames are not shared.
                track.put(frame if len(self._viewers) == 1 else _copy(frame))

    async def close(self) -> None:
        for track in (*self._viewers, *self._listeners):
            track.stop()


def _copy(frame: Any) -> Any:
    copy = type(frame).from_ndarray(frame.to_ndarray(), format=frame.format.name)
    copy.pts, copy.time_base = frame.pts, frame.time_base
    return copy
