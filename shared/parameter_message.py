"""The messages of the `parameters` channel: their kinds, header and layout.

    bytes 0-1   version (3 bits), kind (2), low bits of the sequence number (11)
    the rest    range-coded (`shared.entropy`):
        intra        high bits of the sequence number (5), set id (8), capture time (32),
                     precision (2)
        predicted    distance to the base message
        both         hold, layout, then the frames (`shared.frame_chain`)

A receiver report has kind REPORT and its own layout (`shared.receiver_report`).
"""

from dataclasses import dataclass
from enum import IntEnum

from shared.codec_tables import BITSTREAM_VERSION
from shared.entropy import RangeDecoder, RangeEncoder, frequencies_of, starts_of
from shared.errors import BitstreamError
from shared.limits import FRAMES_PER_MESSAGE_MAX, PARAMETER_MESSAGE_MAX_BYTES
from shared.quantization import Precision

HEADER_BYTES = 2
SEQUENCE_BITS = 16
HEADER_SEQUENCE_BITS = 11
"""A predicted message is at most BASE_DISTANCE_MAX messages from one that the receiver holds, so
these bits name it unless it comes over 1900 messages late."""

BASE_DISTANCE_MAX = 63
"""Messages from a predicted message back to its base."""

_HIGH_BITS = SEQUENCE_BITS - HEADER_SEQUENCE_BITS


class MessageKind(IntEnum):
    """Bits 3-4 of the first byte of a message on the `parameters` channel."""

    INTRA = 0
    PREDICTED = 1
    REPORT = 2


def _distance_frequencies() -> list[int]:
    """Each distance 13/16 as likely as the one before."""
    weights = [1 << 20]
    while len(weights) < BASE_DISTANCE_MAX:
        weights.append(weights[-1] * 13 >> 4)
    return frequencies_of(weights)


_DISTANCE_STARTS = starts_of(_distance_frequencies())
_HOLD_STARTS = starts_of(frequencies_of([31, 1]))


@dataclass(frozen=True, slots=True)
class FrameLayout:
    """How the frames of a message lie against those of the message before."""

    frame_count: int
    """1..3."""

    repeated: int = 0
    """The first so many were in the message before too; fewer than `frame_count`."""

    def frames_ahead(self, base_distance: int) -> int:
        """Frames from the base to the message's first, were all messages alike; >= 1."""
        new_frames = self.frame_count - self.repeated
        return max(base_distance * new_frames - self.frame_count + 1, 1)

    def frames_since(self, base_distance: int) -> int:
        """Frames from the base, or from the first of an intra message (0), to the last."""
        new_frames = self.frame_count - self.repeated
        return base_distance * new_frames if base_distance else self.frame_count - 1


USUAL_LAYOUT = FrameLayout(2)
"""What an intra message is expected to have."""

_LAYOUTS = tuple(
    FrameLayout(count, repeated)
    for count in range(1, FRAMES_PER_MESSAGE_MAX + 1)
    for repeated in range(count)
)
_LAYOUT_STARTS = starts_of(frequencies_of([120, *[1] * len(_LAYOUTS)]))


@dataclass(frozen=True, slots=True)
class IntraPrefix:
    """What an intra message says before its frames."""

    sequence: int
    """0..65535."""

    set_id: int
    """The set of references, 0..255. A predicted message is in its base's set."""

    capture_time: int
    """Of the first frame."""

    precision: Precision
    """Of this message and of those predicted from it."""

    def encode(self, encoder: RangeEncoder) -> None:
        encoder.encode_bits(self.sequence >> HEADER_SEQUENCE_BITS, _HIGH_BITS)
        encoder.encode_bits(self.set_id, 8)
        encoder.encode_bits(self.capture_time, 32)
        encoder.encode_bits(self.precision, 2)

    @classmethod
    def decode(cls, decoder: RangeDecoder, header_sequence: int) -> "IntraPrefix":
        """Raises BitstreamError for bytes that no encoder writes."""
        high = decoder.decode_bits(_HIGH_BITS)
        return cls(
            sequence=high << HEADER_SEQUENCE_BITS | header_sequence,
            set_id=decoder.decode_bits(8),
            capture_time=decoder.decode_bits(32),
            precision=Precision(decoder.decode_bits(2)),
        )


def pack_header(kind: MessageKind, sequence: int) -> bytes:
    """HEADER_BYTES bytes."""
    low = sequence & (1 << HEADER_SEQUENCE_BITS) - 1
    return (BITSTREAM_VERSION << 13 | kind << 11 | low).to_bytes(HEADER_BYTES, "big")


def message_kind(data: bytes) -> MessageKind:
    """Which message of the `parameters` channel this is.

    Raises BitstreamError for a message of impossible length, another version or a reserved kind.
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


def header_sequence(data: bytes) -> int:
    """The low HEADER_SEQUENCE_BITS of the sequence number of a message of face parameters.

    Raises BitstreamError for a report and for bytes that `message_kind` refuses.
    """
    if message_kind(data) is MessageKind.REPORT:
        raise BitstreamError("a receiver report, face parameters were expected")
    return int.from_bytes(data[:HEADER_BYTES], "big") & (1 << HEADER_SEQUENCE_BITS) - 1


def encode_base_distance(encoder: RangeEncoder, distance: int) -> None:
    """1..BASE_DISTANCE_MAX."""
    start = _DISTANCE_STARTS[distance - 1]
    encoder.encode(start, _DISTANCE_STARTS[distance] - start)


def decode_base_distance(decoder: RangeDecoder) -> int:
    """1..BASE_DISTANCE_MAX. Raises BitstreamError for bytes that no encoder writes."""
    return decoder.decode(_DISTANCE_STARTS) + 1


def encode_layout(
    encoder: RangeEncoder, layout: FrameLayout, *, hold: bool, expected: FrameLayout
) -> None:
    """`hold`: the last message before a pause; `expected`: that of the base message."""
    encoder.encode(_HOLD_STARTS[hold], _HOLD_STARTS[hold + 1] - _HOLD_STARTS[hold])
    symbol = 0 if layout == expected else 1 + _LAYOUTS.index(layout)
    encoder.encode(_LAYOUT_STARTS[symbol], _LAYOUT_STARTS[symbol + 1] - _LAYOUT_STARTS[symbol])


def decode_layout(decoder: RangeDecoder, *, expected: FrameLayout) -> tuple[FrameLayout, bool]:
    """The layout, and hold. Raises BitstreamError for bytes that no encoder writes."""
    hold = bool(decoder.decode(_HOLD_STARTS))
    symbol = decoder.decode(_LAYOUT_STARTS)
    return expected if symbol == 0 else _LAYOUTS[symbol - 1], hold
