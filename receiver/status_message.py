"""The messages of the `status` channel: what a viewer learns about the party that it watches.

msgpack maps. Keys are written out, as this is the near link and a page reads them:

    t                    "status" about once a second and at once when a party comes or goes;
                         "bye" when the session ends, then only `reason`
    reason               why it ends, the words of `control`'s bye: replaced, shutdown ...
    present              whether the other party publishes
    life                 "alive", "interrupted" (3 s without a datagram) or "gone"
    plain                its picture is ordinary video, passed on; nothing is rebuilt
    waiting              there is no picture to show yet
    state                face state: tracked, lost, several, border, camera_off ...
    mode                 rebuilt or video
    muted                its microphone is off
    name                 what it calls itself
    thin                 its link carries less than the call needs: picture and sound suffer
    generator            what rebuilds the picture
    fps                  pictures a second handed to this viewer's encoder
    playout_delay_ms     capture to the tick that shows it, beyond the fastest way
    latency_ms           {p50, p95} of the last seconds: capture to picture handed to the
                         encoder, clocks of both ends compared, so right only where they agree
    transport            way of the parameters: "datachannel", or "inband", inside the sound's
                         packets; most of the last 25 messages
    loss                 share of parameter messages lost, 0..1
    audio_loss           share of audio packets lost, 0..1
    wire_bps_forward     publisher to receiver: parameters and control, headers included
    wire_bps_reverse     the same, back
    audio_wire_bps       its sound, publisher to receiver, with the reports on it both ways
    connection_bps       upkeep of that connection, both ways
    picture_hop_bps      ordinary video from the receiver to this viewer
    publisher_video_bps  ordinary video from the publisher; 0 where its picture is rebuilt
    references           pictures of the person that are held, of the set that is shown
    audio_clock          [RTP timestamp, capture time in 90 kHz ticks modulo 2^32] of the sound
    video_clock          and of the picture sent last: what places RTP timestamps in time

What is not known is left out. Unknown keys are to be ignored.
"""

from dataclasses import dataclass, fields
from typing import Any

import msgpack

from shared.control_message import ByeReason
from shared.errors import BitstreamError
from shared.message_fields import MessageFields

STATUS_MESSAGE_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class PlayerStatus:
    """One status message; the fields are explained above."""

    present: bool
    life: str | None = None
    plain: bool | None = None
    waiting: bool | None = None
    state: str | None = None
    mode: str | None = None
    muted: bool | None = None
    name: str | None = None
    thin: bool | None = None
    generator: str | None = None
    fps: float | None = None
    playout_delay_ms: float | None = None
    latency_ms: dict[str, float] | None = None
    transport: str | None = None
    loss: float | None = None
    audio_loss: float | None = None
    wire_bps_forward: int | None = None
    wire_bps_reverse: int | None = None
    audio_wire_bps: int | None = None
    connection_bps: int | None = None
    picture_hop_bps: int | None = None
    publisher_video_bps: int | None = None
    references: int | None = None
    audio_clock: tuple[int, int] | None = None
    video_clock: tuple[int, int] | None = None


def pack_status(status: PlayerStatus) -> bytes:
    """Its bytes."""
    known = {field.name: getattr(status, field.name) for field in fields(status)}
    packed: bytes = msgpack.packb(
        {"t": "status", **{name: value for name, value in known.items() if value is not None}}
    )
    return packed


def pack_farewell(reason: ByeReason) -> bytes:
    """The bytes of the last message."""
    packed: bytes = msgpack.packb({"t": "bye", "reason": reason.value})
    return packed


def parse_message(data: bytes) -> PlayerStatus | ByeReason:
    """What a player reads: a status, or why the session ends. Unknown keys are ignored.

    Raises BitstreamError for bytes that are no such message.
    """
    message = MessageFields.unpack(data, max_bytes=STATUS_MESSAGE_MAX_BYTES)
    match message.text("t"):
        case "bye":
            return message.member("reason", ByeReason)
        case "status":
            known = msgpack.unpackb(data)
            names = {field.name for field in fields(PlayerStatus)}
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in known.items()
                if name in names
            }
            if not isinstance(values.get("present"), bool):
                raise BitstreamError("status without present, true or false is allowed")
            return PlayerStatus(**values)
        case other:
            raise BitstreamError(f"message {other!r}, status or bye is allowed")
