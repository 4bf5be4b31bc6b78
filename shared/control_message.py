"""The messages of the `control` channel: msgpack maps with short keys, one dataclass each.

Key "t" names the type. Unknown keys are ignored and unknown types reported, so that later
versions may add both; what is known is checked for type and range.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

import msgpack

from shared.codec_tables import BITSTREAM_VERSION
from shared.errors import VersionError
from shared.identity_message import pack_identity, parse_identity
from shared.image_header import ImageFormat
from shared.limits import (
    CONTROL_MESSAGE_MAX_BYTES,
    CONTROL_TEXT_MAX_CHARACTERS,
    CROP_COORDINATE_MAX_PIXELS,
    FRAME_RATE_MAX_HZ,
    FRAME_SIDE_MAX_PIXELS,
    IDENTITY_MAX_BYTES,
    NAME_MAX_CHARACTERS,
    REFERENCE_CHUNK_MAX_BYTES,
    REFERENCE_ID_MAX,
    REFERENCE_MAX_BYTES,
    SET_ID_MAX,
)
from shared.message_fields import MessageFields
from shared.parameters import Crop, FaceParameters, Identity
from shared.reference_parameters import (
    REFERENCE_PARAMETERS_BYTES,
    pack_reference_parameters,
    parse_reference_parameters,
)

PROTOCOL_VERSION = 2
"""Of the control channel. What else changes alone is named in `Hello` and agreed upon there."""

DIGEST_BYTES = 16
"""Of SHA-256 digests on the wire: the first so many bytes."""


class FaceState(StrEnum):
    """What the sender sees."""

    TRACKED = "tracked"
    LOST = "lost"
    SEVERAL = "several"
    """More than one face; the main one is sent."""

    BORDER = "border"
    """Partly outside the picture."""

    CAMERA_OFF = "camera_off"
    CAMERA_FAILED = "camera_failed"


class CallMode(StrEnum):
    """How the picture travels."""

    REBUILT = "rebuilt"
    VIDEO = "video"


class ByeReason(StrEnum):
    """Why a side ends the session."""

    LEFT = "left"
    REPLACED = "replaced"
    TIMEOUT = "timeout"
    VERSION = "version"
    LIMIT = "limit"
    """The other side goes on sending what is not allowed."""

    SHUTDOWN = "shutdown"
    EXPIRED = "expired"
    OTHER = "other"
    """Also any reason that this version does not know."""


class RefreshTarget(StrEnum):
    """What the receiver lacks."""

    PARAMETERS = "parameters"
    """An intra message."""

    REFERENCE = "reference"
    """The current set of references, from its first one on."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Each side's first message."""

    TYPE: ClassVar[str] = "hello"

    face_model_version: int
    face_model_digest: bytes
    """First DIGEST_BYTES of the SHA-256 of the face model's file."""

    frame_rate_hz: float
    """Frames a second that this side will send; > 0."""

    in_band_version: int = 0
    """Of the parameters inside Opus packets that this side reads (`shared.in_band`); 0: none."""

    bitstream_versions: tuple[int, ...] = (BITSTREAM_VERSION,)
    """Of parameter messages that this side reads and writes; the highest that both have holds."""

    name: str = ""
    """What the other side may call this one; at most NAME_MAX_CHARACTERS."""

    protocol_version: int = PROTOCOL_VERSION

    def _fields(self) -> dict[str, object]:
        fields: dict[str, object] = {
            "v": self.protocol_version,
            "m": self.face_model_version,
            "d": self.face_model_digest,
            "r": self.frame_rate_hz,
            "p": list(self.bitstream_versions),
        }
        if self.in_band_version:
            fields["b"] = self.in_band_version
        if self.name:
            fields["nm"] = self.name[:NAME_MAX_CHARACTERS]
        return fields

    @classmethod
    def _read(cls, fields: MessageFields) -> "Hello":
        version = fields.integer("v", 0, 2**31)
        if version != PROTOCOL_VERSION:
            raise VersionError(f"protocol version {version}, this side speaks {PROTOCOL_VERSION}")
        bitstreams = fields.integers("p", 0, 7, max_count=8)
        if BITSTREAM_VERSION not in bitstreams:
            named = ", ".join(map(str, bitstreams)) or "none"
            raise VersionError(
                f"parameter messages of version {named}, this side reads {BITSTREAM_VERSION}"
            )
        return cls(
            protocol_version=version,
            bitstream_versions=bitstreams,
            face_model_version=fields.integer("m", 0, 2**31),
            face_model_digest=fields.binary("d", DIGEST_BYTES, DIGEST_BYTES),
            frame_rate_hz=fields.number("r", 1.0, FRAME_RATE_MAX_HZ),
            in_band_version=fields.integer("b", 0, 2**31) if fields.has("b") else 0,
            name=fields.text("nm")[:NAME_MAX_CHARACTERS] if fields.has("nm") else "",
        )


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceBegin:
    """A reference follows, in chunks. Another begin replaces one that is under way."""

    TYPE: ClassVar[str] = "ref"

    set_id: int
    reference_id: int
    crop: Crop
    frame_width: int
    """Of the camera frame that the crop lies in, pixels."""

    frame_height: int
    parameters: FaceParameters
    """Rounded to float16 on the wire (`shared.reference_parameters`)."""

    image_format: ImageFormat
    image_bytes: int
    """Length of the whole compressed picture."""

    identity: Identity | None = None
    """With the first reference of a set only; the others share it."""

    def _fields(self) -> dict[str, object]:
        fields: dict[str, object] = {
            "s": self.set_id,
            "i": self.reference_id,
            "x": self.crop.x,
            "y": self.crop.y,
            "z": self.crop.size,
            "w": self.frame_width,
            "h": self.frame_height,
            "p": pack_reference_parameters(self.parameters),
            "c": self.parameters.capture_time,
            "f": self.image_format.value,
            "n": self.image_bytes,
        }
        if self.identity is not None:
            fields["id"] = pack_identity(self.identity)
        return fields

    @classmethod
    def _read(cls, fields: MessageFields) -> "ReferenceBegin":
        coordinate_max = CROP_COORDINATE_MAX_PIXELS
        identity = None
        if fields.has("id"):
            identity = parse_identity(fields.binary("id", 1, IDENTITY_MAX_BYTES))
        return cls(
            set_id=fields.integer("s", 0, SET_ID_MAX),
            reference_id=fields.integer("i", 0, REFERENCE_ID_MAX),
            crop=Crop(
                x=fields.number("x", -coordinate_max, coordinate_max),
                y=fields.number("y", -coordinate_max, coordinate_max),
                size=fields.number("z", 1.0, coordinate_max),
            ),
            frame_width=fields.integer("w", 1, FRAME_SIDE_MAX_PIXELS),
            frame_height=fields.integer("h", 1, FRAME_SIDE_MAX_PIXELS),
            parameters=parse_reference_parameters(
                fields.binary("p", REFERENCE_PARAMETERS_BYTES, REFERENCE_PARAMETERS_BYTES),
                capture_time=fields.integer("c", 0, 2**32 - 1),
            ),
            image_format=fields.member("f", ImageFormat),
            image_bytes=fields.integer("n", 1, REFERENCE_MAX_BYTES),
            identity=identity,
        )


@dataclass(frozen=True, slots=True)
class ReferenceChunk:
    """Part of the compressed picture of the reference under way."""

    TYPE: ClassVar[str] = "chunk"

    offset: int
    """Bytes of it that came before."""

    data: bytes

    def _fields(self) -> dict[str, object]:
        return {"o": self.offset, "b": self.data}

    @classmethod
    def _read(cls, fields: MessageFields) -> "ReferenceChunk":
        return cls(
            offset=fields.integer("o", 0, REFERENCE_MAX_BYTES),
            data=fields.binary("b", 1, REFERENCE_CHUNK_MAX_BYTES),
        )


@dataclass(frozen=True, slots=True)
class ReferenceEnd:
    """The reference under way is complete."""

    TYPE: ClassVar[str] = "end"

    digest: bytes
    """First DIGEST_BYTES of the SHA-256 of the compressed picture."""

    def _fields(self) -> dict[str, object]:
        return {"d": self.digest}

    @classmethod
    def _read(cls, fields: MessageFields) -> "ReferenceEnd":
        return cls(digest=fields.binary("d", DIGEST_BYTES, DIGEST_BYTES))


@dataclass(frozen=True, slots=True)
class ReferenceHeld:
    """The receiver can render from this reference."""

    TYPE: ClassVar[str] = "held"

    set_id: int
    reference_id: int

    def _fields(self) -> dict[str, object]:
        return {"s": self.set_id, "i": self.reference_id}

    @classmethod
    def _read(cls, fields: MessageFields) -> "ReferenceHeld":
        return cls(
            set_id=fields.integer("s", 0, SET_ID_MAX),
            reference_id=fields.integer("i", 0, REFERENCE_ID_MAX),
        )


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """The receiver lacks something; like RTCP's picture loss indication."""

    TYPE: ClassVar[str] = "refresh"

    target: RefreshTarget

    def _fields(self) -> dict[str, object]:
        return {"w": self.target.value}

    @classmethod
    def _read(cls, fields: MessageFields) -> "RefreshRequest":
        return cls(target=fields.member("w", RefreshTarget))


@dataclass(frozen=True, slots=True)
class Mode:
    """The sender's state; sent when it changes."""

    TYPE: ClassVar[str] = "mode"

    mode: CallMode
    face: FaceState
    muted: bool = False

    thin: bool = False
    """The link carries less than the call needs at its lowest: picture and sound suffer."""

    def _fields(self) -> dict[str, object]:
        fields: dict[str, object] = {"m": self.mode.value, "f": self.face.value, "u": self.muted}
        if self.thin:
            fields["n"] = True
        return fields

    @classmethod
    def _read(cls, fields: MessageFields) -> "Mode":
        return cls(
            mode=fields.member("m", CallMode),
            face=fields.member("f", FaceState),
            muted=fields.boolean("u"),
            thin=fields.has("n") and fields.boolean("n"),
        )


@dataclass(frozen=True, slots=True)
class Bye:
    """The session ends."""

    TYPE: ClassVar[str] = "bye"

    reason: ByeReason
    detail: str = ""
    """For a log: what was found and what is allowed; at most 256 characters."""

    def _fields(self) -> dict[str, object]:
        fields: dict[str, object] = {"r": self.reason.value}
        if self.detail:
            fields["d"] = self.detail[:CONTROL_TEXT_MAX_CHARACTERS]
        return fields

    @classmethod
    def _read(cls, fields: MessageFields) -> "Bye":
        reason = fields.text("r")
        known = reason in ByeReason.__members__.values()
        return cls(
            reason=ByeReason(reason) if known else ByeReason.OTHER,
            detail=fields.text("d") if fields.has("d") else "",
        )


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message of a type that this version does not know; the caller counts it."""

    type_name: str
    """As the peer wrote it, at most 256 characters: never a metric's label."""


KnownMessage: TypeAlias = (
    Hello
    | ReferenceBegin
    | ReferenceChunk
    | ReferenceEnd
    | ReferenceHeld
    | RefreshRequest
    | Mode
    | Bye
)
ControlMessage: TypeAlias = KnownMessage | UnknownMessage

_TYPES: dict[str, type[KnownMessage]] = {
    message.TYPE: message
    for message in (
        Hello,
        ReferenceBegin,
        ReferenceChunk,
        ReferenceEnd,
        ReferenceHeld,
        RefreshRequest,
        Mode,
        Bye,
    )
}


def pack_control(message: KnownMessage) -> bytes:
    """Its bytes."""
    packed: bytes = msgpack.packb({"t": message.TYPE, **message._fields()})
    assert len(packed) <= CONTROL_MESSAGE_MAX_BYTES
    return packed


def parse_control(data: bytes) -> ControlMessage:
    """Read a message; any bytes are safe.

    Raises VersionError for a peer of another protocol version, BitstreamError for bytes that
    are no message or a known one with a field missing, of a wrong type or out of range.
    """
    fields = MessageFields.unpack(data, max_bytes=CONTROL_MESSAGE_MAX_BYTES)
    type_name = fields.text("t")
    message_type = _TYPES.get(type_name)
    if message_type is None:
        return UnknownMessage(type_name)
    return message_type._read(fields)
