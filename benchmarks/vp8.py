"""VP8 pictures out of RTP packets (RFC 7741), without a jitter buffer.

aiortc's own receiver hands a picture on when the next one's first packet comes, 40 ms late; a
player of measurements must not add that. The picture hop of a demo neither loses nor reorders.
"""

from shared.errors import BitstreamError
from shared.sequence import sequence_add
from shared.webrtc.aiortc.rtp_tap import RtpArrival

MAX_PICTURE_BYTES = 1_000_000


class Vp8Assembler:
    """Puts packets together until the marker says that a picture is complete."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._next_sequence: int | None = None
        self._broken = True
        self.pictures_lost = 0
        """Pictures of which a packet was missing or out of order."""

    def push(self, packet: RtpArrival) -> bytes | None:
        """The encoded picture that this packet completes; None before its end.

        A picture with a gap is left out and counted. Raises BitstreamError for no VP8 payload.
        """
        is_first, data = _parse(packet.payload)
        if self._next_sequence not in (None, packet.sequence_number):
            self._broken = True
        self._next_sequence = sequence_add(packet.sequence_number, 1)
        if is_first:
            self._parts, self._size, self._broken = [], 0, False
        self._size += len(data)
        if self._size > MAX_PICTURE_BYTES:
            self._broken = True
        if not self._broken:
            self._parts.append(data)
        if not packet.marker:
            return None
        picture = b"".join(self._parts)
        was_broken = self._broken
        self._parts, self._size, self._broken = [], 0, True
        if was_broken:
            self.pictures_lost += 1
            return None
        return picture


def _parse(payload: bytes) -> tuple[bool, bytes]:
    """(does a picture begin here, the data after the payload descriptor of section 4.2)."""
    try:
        position = 1
        first = payload[0]
        if first & 0x80:  # X: extensions follow
            extensions = payload[position]
            position += 1
            if extensions & 0x80:  # I: picture id of 7 or 15 bits
                position += 2 if payload[position] & 0x80 else 1
            if extensions & 0x40:  # L: index into the temporal layers
                position += 1
            if extensions & 0x30:  # T, K: layer and key index
                position += 1
    except IndexError:
        position = len(payload)
    if position >= len(payload):
        raise BitstreamError(f"VP8 payload of {len(payload)} bytes without data")
    return bool(first & 0x10) and first & 0x0F == 0, payload[position:]
