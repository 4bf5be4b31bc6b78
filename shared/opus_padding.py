"""Opus packets and their padding (RFC 6716, sections 3.2 and 3.4): bytes to bytes, no codec.

    code 0    TOC, one frame
    code 1    TOC, two frames of one size
    code 2    TOC, length of the first, two frames
    code 3    TOC, vbr|padded|count, padding length, all lengths but the last if vbr, frames,
              padding

Only code 3 can hold padding, which every decoder must skip, whatever its bytes are (3.2.5). Any
packet has a form of code 3 with the same frames: two bytes more and the padding, from code 3
itself one byte.
"""

from dataclasses import dataclass

from shared.errors import BitstreamError

FRAME_MAX_BYTES = 1275
"""Of one compressed frame (requirement R2)."""

_CODE = 0b11
_VBR = 0x80
_PADDED = 0x40
_COUNT = 0x3F


@dataclass(frozen=True, slots=True)
class SplitPacket:
    """An Opus packet and what it was padded with."""

    payload: bytes
    """The same frames without padding, in the shortest form, which is what libopus writes."""

    padding: bytes | None
    """None: the packet was not padded, and `payload` is the packet itself."""


@dataclass(frozen=True, slots=True)
class _Content:
    """A packet without TOC, frame count and padding."""

    vbr: bool
    count: int
    body: bytes
    """Lengths of the frames, then the frames."""

    padding: bytes | None


def is_padded(payload: bytes) -> bool:
    """Whether a packet says that it holds padding; its other bytes may still be wrong."""
    return len(payload) >= 2 and payload[0] & _CODE == 3 and bool(payload[1] & _PADDED)


def split_padding(payload: bytes) -> SplitPacket:
    """Take a packet and its padding apart.

    Raises BitstreamError for a packet whose lengths do not fit together (R1 to R7 but for R5, the
    duration), in time proportional to its size.
    """
    content = _content(payload)
    if content.padding is None:
        return SplitPacket(payload, None)
    return SplitPacket(_shortest(payload[0], content), content.padding)


def add_padding(payload: bytes, padding: bytes) -> bytes:
    """The packet in code 3 with these bytes as its padding; any decoder plays the same samples.

    Raises BitstreamError for a packet that is padded already or none at all.
    """
    content = _content(payload)
    if content.padding is not None:
        raise BitstreamError("Opus packet with padding, one without is expected")
    # A byte of 255 stands for 254 bytes of padding and for a further length byte.
    full = max(len(padding) - 1, 0) // 254
    header = [payload[0] | 3, content.vbr * _VBR | _PADDED | content.count]
    header += [255] * full + [len(padding) - 254 * full]
    return bytes(header) + content.body + padding


def _content(payload: bytes) -> _Content:
    """Raises BitstreamError for a packet whose lengths do not fit together."""
    if not payload:
        raise BitstreamError("Opus packet of 0 bytes, at least 1 is needed")
    code = payload[0] & _CODE
    body, padding = payload[1:], None
    vbr, count = code == 2, 1 if code == 0 else 2
    if code == 3:
        if not body or not body[0] & _COUNT:
            raise BitstreamError("Opus packet of code 3 without frames")
        vbr, count = bool(body[0] & _VBR), body[0] & _COUNT
        padded, body = bool(body[0] & _PADDED), body[1:]
        if padded:
            body, padding = _cut_padding(body)
    _check_frames(body, count, vbr=vbr)
    return _Content(vbr, count, body, padding)


def _cut_padding(body: bytes) -> tuple[bytes, bytes]:
    """(what is not padding, the padding), from the padding's length on."""
    size = 0
    for index, byte in enumerate(body):
        size += 254 if byte == 255 else byte
        if byte != 255:
            frames_end = len(body) - size
            if frames_end < index + 1:
                break
            return body[index + 1 : frames_end], body[frames_end:]
    raise BitstreamError(f"Opus packet with {size} bytes of padding in {len(body)}")


def _check_frames(body: bytes, count: int, *, vbr: bool) -> None:
    position = 0
    rest = len(body)
    if vbr:
        for _ in range(count - 1):
            size, width = _frame_length(body, position)
            position += width
            rest -= size + width
        if rest < 0:
            raise BitstreamError(f"Opus frames {-rest} bytes longer than their packet")
    elif rest % count:
        raise BitstreamError(f"{count} Opus frames of one size in {rest} bytes")
    else:
        rest //= count
    if rest > FRAME_MAX_BYTES:
        raise BitstreamError(f"Opus frame of {rest} bytes, at most {FRAME_MAX_BYTES} are allowed")


def _frame_length(body: bytes, position: int) -> tuple[int, int]:
    """(size of a frame, bytes of its length field) (section 3.2.1)."""
    field = body[position : position + 2]
    if field and field[0] < 252:
        return field[0], 1
    if len(field) < 2:
        raise BitstreamError("Opus packet that ends in a frame's length")
    return field[1] * 4 + field[0], 2


def _shortest(toc: int, content: _Content) -> bytes:
    base = toc & ~_CODE
    if content.count > 2:
        return bytes([base | 3, content.vbr * _VBR | content.count]) + content.body
    code = 0 if content.count == 1 else 2 if content.vbr else 1
    return bytes([base | code]) + content.body
