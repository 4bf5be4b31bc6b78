"""Parameter messages inside Opus packets, as padding that every decoder skips.

    packet     [Opus packet in code 3] [padding]              `shared.opus_padding`
    padding    magic | length, message | length, message ... | CRC-8

At most IN_BAND_MAX_BYTES of padding. One message costs five bytes beside its own, or four in a
packet that is of code 3 anyway; in an SCTP packet it costs 85, and an acknowledgement.

To a decoder that looks for extensions in the padding (draft-ietf-mlcodec-opus-extension) the
magic byte is the header of extension 122 without a length: unknown, and skipped to the end.
Padding that begins otherwise is not ours and stays where it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import BitstreamError
from shared.limits import IN_BAND_MAX_BYTES
from shared.opus_padding import add_padding, is_padded, split_padding

IN_BAND_VERSION = 1
"""Of this layout; told in `hello`. 0 there: this side reads none."""

IN_BAND_MESSAGE_MAX_BYTES = IN_BAND_MAX_BYTES - 3

_MAGIC = 122 << 1

_CRC_POLYNOMIAL = 0x2F


class Transport(StrEnum):
    """The way of a parameter message."""

    DATA_CHANNEL = "datachannel"
    IN_BAND = "inband"


@dataclass(frozen=True, slots=True)
class InBandPacket:
    """An Opus packet taken apart."""

    payload: bytes
    """The Opus packet: without what we had put into it, else just as it came."""

    messages: tuple[bytes, ...]
    """Parameter messages, in the order in which they were packed; not parsed yet."""

    damaged: bool = False
    """The padding begins like ours and is none: damaged, or somebody else's."""


def count_that_fit(sizes: Sequence[int]) -> int:
    """How many messages of these sizes, from the first on, one packet can take."""
    used = 2
    for index, size in enumerate(sizes):
        used += 1 + size
        if used > IN_BAND_MAX_BYTES:
            return index
    return len(sizes)


def embed(payload: bytes, messages: Sequence[bytes]) -> bytes:
    """The Opus packet with these messages in its padding.

    They must fit (`count_that_fit`), and none may be empty. Raises BitstreamError for a packet
    that is padded already or no Opus.
    """
    assert messages
    assert all(messages)
    assert count_that_fit([len(message) for message in messages]) == len(messages)
    body = b"".join(bytes([len(message)]) + message for message in messages)
    covered = bytes([_MAGIC]) + body
    return add_padding(payload, covered + bytes([crc8(covered)]))


def extract(payload: bytes) -> InBandPacket:
    """The messages inside an Opus packet, and the packet without them; any bytes are safe.

    Raises BitstreamError for a padded packet whose lengths do not fit together.
    """
    if not is_padded(payload):
        return InBandPacket(payload, ())
    split = split_padding(payload)
    if not split.padding or split.padding[0] != _MAGIC:
        return InBandPacket(payload, ())
    try:
        return InBandPacket(split.payload, _parse(split.padding))
    except BitstreamError:
        return InBandPacket(payload, (), damaged=True)


def _parse(padding: bytes) -> tuple[bytes, ...]:
    if len(padding) > IN_BAND_MAX_BYTES:
        raise BitstreamError(
            f"in-band parameters of {len(padding)} bytes, at most {IN_BAND_MAX_BYTES} are allowed"
        )
    if crc8(padding[:-1]) != padding[-1]:
        raise BitstreamError("in-band parameters with a wrong checksum")
    messages: list[bytes] = []
    rest = padding[1:-1]
    while rest or not messages:
        size = rest[0] if rest else 0
        if not 0 < size < len(rest):
            raise BitstreamError(f"in-band message of {size} bytes in {len(rest)}")
        messages.append(rest[1 : 1 + size])
        rest = rest[1 + size :]
    return tuple(messages)


def _crc_table() -> bytes:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte << 1 ^ (_CRC_POLYNOMIAL | 0x100 if byte & 0x80 else 0)
        table.append(byte)
    return bytes(table)


_CRC_TABLE = _crc_table()


def crc8(data: bytes) -> int:
    """CRC-8/AUTOSAR: polynomial 0x2F, all ones before and after. Of b"123456789" it is 0xDF."""
    remainder = 0xFF
    for byte in data:
        remainder = _CRC_TABLE[remainder ^ byte]
    return remainder ^ 0xFF
