"""A playing session: the connection of a viewer (draft-ietf-wish-whep)."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from receiver.published_stream import PublishedStream
from receiver.rooms import Seat
from receiver.session import OnEnd, Session
from receiver.status_message import PlayerStatus, pack_farewell, pack_status
from receiver.switched_track import SwitchedTrack
from shared.clock import Clock
from shared.control_message import ByeReason
from shared.metrics import Metrics
from shared.webrtc.aiortc.rtp_tap import tap_rtp
from shared.webrtc.aiortc.sender_clock import clock_pair
from shared.webrtc.channel import STATUS
from shared.webrtc.ice_servers import IceServer

logger = logging.getLogger(__name__)

STATUS_SECONDS = 1.0
FAREWELL_SECONDS = 0.1


class WhepSession(Session):
    """A viewer's connection; it plays whoever publishes on the other side of the room."""

    def __init__(
        self,
        session_id: str,
        seat: Seat,
        *,
        status: Callable[["WhepSession"], PlayerStatus],
        clock: Clock,
        metrics: Metrics,
        ice_servers: Sequence[IceServer],
        on_end: OnEnd,
    ) -> None:
        """`status` is asked once a second for what the viewer is told."""
        super().__init__(
            session_id, seat, clock=clock, metrics=metrics, ice_servers=ice_servers, on_end=on_end
        )
        self._status = status
        self._video: SwitchedTrack | None = None
        self._audio: SwitchedTrack | None = None
        self._status_due = asyncio.Event()

    async def open(self, offer: str) -> str:
        self.peer.accept_channels([(STATUS, self._on_status)])
        await self.peer.accept_offer(offer)
        for transceiver in self.peer.connection.getTransceivers():
            # What a viewer sends is not asked for, and aiortc's queue for it has no bound.
            tap_rtp(
                transceiver.receiver, lambda packet: self._metrics.count("drops", "viewer_media")
            )
            if transceiver.kind == "video" and self._video is None:
                self._video = SwitchedTrack("video")
                self.peer.connection.addTrack(self._video)
            elif transceiver.kind == "audio" and self._audio is None:
                self._audio = SwitchedTrack("audio")
                self.peer.connection.addTrack(self._audio)
        answer = await self.peer.answer()
        self.start(self._tell_status())
        self.start(self.watch())
        return answer

    def play(self, stream: PublishedStream | None) -> None:
        """Go over to another stream, or to none."""
        if self._video is not None:
            self._video.set_source(None if stream is None else stream.subscribe_video())
        if self._audio is not None:
            self._audio.set_source(None if stream is None else stream.subscribe_audio())
        self._status_due.set()

    @property
    def audio_clock(self) -> tuple[int, int] | None:
        """(RTP timestamp, capture time) of the sound sent last."""
        return self._clock_pair("audio")

    @property
    def video_clock(self) -> tuple[int, int] | None:
        """(RTP timestamp, capture time) of the picture sent last."""
        return self._clock_pair("video")

    def _clock_pair(self, kind: str) -> tuple[int, int] | None:
        for sender in self.peer.connection.getSenders():
            if sender.kind == kind:
                return clock_pair(sender)
        return None

    def _on_status(self, message: bytes) -> None:
        """A viewer has nothing to say yet."""
        self._metrics.count("drops", "viewer_status")

    async def _tell_status(self) -> None:
        while True:
            try:
                async with asyncio.timeout(STATUS_SECONDS):
                    await self._status_due.wait()
            except TimeoutError:
                pass
            self._status_due.clear()
            channel = self.peer.channel(STATUS)
            if channel is not None and channel.is_open:
                channel.send(pack_status(self._status(self)))

    async def close(self, reason: ByeReason) -> None:
        if self.peer.send(STATUS, pack_farewell(reason)):
            await asyncio.sleep(FAREWELL_SECONDS)
        await self.stop_tasks()
        self.play(None)
        await self.peer.close()
