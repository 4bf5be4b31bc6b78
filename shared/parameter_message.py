"""The messages of the `parameters` channel as integers: bytes to residuals and back, no state.

    byte 0      version (3 bits), kind (2), hold (1), frame count (2)
    bytes 1-2   sequence number, big endian
    the rest    range-coded (`shared.entropy`):
        intra        set id (8 bits), capture time (32 bits), the first frame's symbols
        predicted    distance to the base message (gamma), then like a further frame
        a further frame: residual of its interval in ms, then residuals of its symbols

A receiver report has kind REPORT and its own layout (`shared.receiver_report`).
"""

from dataclasses import dataclass
from enum import IntEnum

from shared.entropy import LAPLACE_TABLES, RangeDecoder, RangeEncoder
from shared.errors import BitstreamError
from shared.limits import FRAMES_PER_MESSAGE_MAX, PARAMETER_MESSAGE_MAX_BYTES
from shared.quantization import Symbols
from shared.residual_coder import INTRA_CODER, PREDICTED_CODER, RESIDUAL_LIMIT

BITSTREAM_VERSION = 1
"""Of header, tables and steps together: any change of output bytes raises it."""

HEADER_BYTES = 3
SEQUENCE_BITS = 16
BASE_DISTANCE_MAX = 63
"""Messages from a predicted message back to its base."""

_INTERVAL_TABLE = LAPLACE_TABLES[1]


class MessageKind(IntEnum):
    """Bits 3-4 of the first byte of a message on the `parameters` channel."""

    INTRA = 0
    PREDICTED = 1
    REPORT = 2


@dataclass(frozen=True, slots=True, eq=False)
class CodedFrame:
    """One frame, relative to the frame before it or, first of an intra message, to nothing."""

    residuals: Symbols
    """(SYMBOL_COUNT,) int32."""

    interval_residual_ms: int = 0
    """Milliseconds by which the frame comes later than expected; unused in an intra frame."""


@dataclass(frozen=True, slots=True, eq=False)
class ParameterMessage:
    """What one message says, before its base is known."""

    sequence: int
    """0..65535."""

    hold: bool
    """The last message before a pause."""

    frames: tuple[CodedFrame, ...]
    """1 to 3, oldest first."""

    base_distance: int = 0
    """Messages back to the base, 1..BASE_DISTANCE_MAX; 0: intra."""

    set_id: int = 0
    """Intra only: the set of references, 0..255. A predicted message is in its base's set."""

    capture_time: int = 0
    """Intra only: that of the first frame."""

    @property
    def intra(self) -> bool:
        return self.base_distance == 0

    def pack(self) -> bytes:
        """Its bytes; at least HEADER_BYTES."""
        kind = MessageKind.INTRA if self.intra else MessageKind.PREDICTED
        first = BITSTREAM_VERSION << 5 | kind << 3 | self.hold << 2 | len(self.frames)
        encoder = RangeEncoder()
        if self.intra:
            encoder.encode_bits(self.set_id, 8)
            encoder.encode_bits(self.capture_time, 32)
        else:
            encoder.encode_gamma(self.base_distance)
        for index, frame in enumerate(self.frames):
            if self.intra and index == 0:
                INTRA_CODER.encode(encoder, frame.residuals)
            else:
                _INTERVAL_TABLE.encode(encoder, frame.interval_residual_ms)
                PREDICTED_CODER.encode(encoder, frame.residuals)
        return bytes([first]) + self.sequence.to_bytes(2, "big") + encoder.finish()


def message_kind(data: bytes) -> MessageKind:
    """Which message of the `parameters` channel this is.

    Raises BitstreamError for an empty or oversized message, another version or a reserved kind.
    """
    if not HEADER_BYTES <= len(data) <= PARAMETER_MESSAGE_MAX_BYTES:
        raise BitstreamError(
            f"parameter message of {len(data)} bytes, "
            f"{HEADER_BYTES} to {PARAMETER_MESSAGE_MAX_BYTES} are allowed"
        )
    version = data[0] >> 5
    if version != BITSTREAM_VERSION:
        raise BitstreamError(
            f"parameter message version {version}, this side reads {BITSTREAM_VERSION}"
        )
    kind = data[0] >> 3 & 3
    if kind > MessageKind.REPORT:
        raise BitstreamError(f"parameter message kind {kind}, 0 to 2 are allowed")
    return MessageKind(kind)


def parse_parameter_message(data: bytes) -> ParameterMessage:
    """Read an intra or predicted message; any bytes are safe.

    Raises BitstreamError for bytes that are none.
    """
    kind = message_kind(data)
    frame_count = data[0] & 3
    if kind is MessageKind.REPORT:
        raise BitstreamError("a receiver report, face parameters were expected")
    if frame_count == 0:
        raise BitstreamError(f"0 frames, 1 to {FRAMES_PER_MESSAGE_MAX} are allowed")
    decoder = RangeDecoder(data[HEADER_BYTES:])
    base_distance = set_id = capture_time = 0
    if kind is MessageKind.INTRA:
        set_id = decoder.decode_bits(8)
        capture_time = decoder.decode_bits(32)
    else:
        base_distance = decoder.decode_gamma(BASE_DISTANCE_MAX)
    frames = []
    for index in range(frame_count):
        if kind is MessageKind.INTRA and index == 0:
            frames.append(CodedFrame(INTRA_CODER.decode(decoder)))
        else:
            interval = _INTERVAL_TABLE.decode(decoder, RESIDUAL_LIMIT)
            frames.append(CodedFrame(PREDICTED_CODER.decode(decoder), interval))
    decoder.finish()
    return ParameterMessage(
        sequence=int.from_bytes(data[1:3], "big"),
        hold=bool(data[0] & 4),
        frames=tuple(frames),
        base_distance=base_distance,
        set_id=set_id,
        capture_time=capture_time,
    )
