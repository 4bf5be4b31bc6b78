"""What a publishing party offers to the one that plays it, however it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiortc.mediastreams import MediaStreamTrack

from receiver.camera_stream import CameraSource
from receiver.party_state import PartyState
from shared.control_message import ByeReason
from shared.in_band import Transport
from shared.webrtc.audio import OpusPacket


class PublishedStream(Protocol):
    """One publishing party inside the receiver. All methods belong to the event loop."""

    @property
    def state(self) -> PartyState:
        """What viewers are told about it."""

    def on_control(self, message: bytes) -> None:
        """A message of the `control` channel, not larger than its limit.

        Raises VersionError, which ends the session, for a peer of another protocol version.
        """

    def on_parameters(self, message: bytes, transport: Transport = Transport.DATA_CHANNEL) -> None:
        """A message of the `parameters` channel or from inside the sound, within its limit."""

    def on_audio(self, packet: OpusPacket) -> None:
        """A packet of the party's sound, as it came."""

    def capture_time(self, arrival_ns: int) -> int | None:
        """About when what came at that moment (monotonic) was captured; None: not known."""

    def on_datagram(self) -> None:
        """Any datagram of the party's connection came."""

    def subscribe_video(self) -> MediaStreamTrack:
        """A picture for one viewer; the track's `stop` ends the subscription."""

    def subscribe_audio(self) -> MediaStreamTrack:
        """The sound for one viewer; the track's `stop` ends the subscription."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def close(self) -> None:
        """Stop and forget everything; the tracks of the viewers end."""


@dataclass(frozen=True, slots=True)
class PublisherLink:
    """The way back to a publishing party."""

    send_control: Callable[[bytes], bool]
    """False when the channel is not open or full."""

    send_parameters: Callable[[bytes], bool]
    """False when the message was dropped; never queued."""

    send_beside_sound: Callable[[bytes], bool]
    """The same in RTCP: smaller, and nothing acknowledges it. False where no sound comes."""

    received_bytes: Callable[[], int]
    """All that came on the wire so far, sound and headers included."""

    end: Callable[[ByeReason], None]
    """End the session: the party said goodbye, or its stream cannot go on."""

    camera: CameraSource | None = None
    """The party's ordinary video; None where it offered none that can be read."""


OpenStream = Callable[[PublisherLink], PublishedStream]
