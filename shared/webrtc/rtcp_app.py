"""Data of ours inside compound RTCP packets (RFC 3550, section 6.7). Pure.

byte 0     version 2 (2 bits), no padding (1), bytes that fill up the data (5)
byte 1     204
bytes 2-3  32-bit words that follow these four bytes
bytes 4-7  SSRC of the sender
bytes 8-11 "KILO"
the rest   data, filled up with zeros to whole words
"""

import struct

APP_DATA_MAX_BYTES = 64

_TYPE = 204
_NAME = b"KILO"
_LAYOUT = struct.Struct(">BBHI4s")


def pack_app(ssrc: int, data: bytes) -> bytes:
    """A packet to append to a compound: 12 bytes and the data in whole words."""
    assert len(data) <= APP_DATA_MAX_BYTES
    fill = -len(data) % 4
    words = (_LAYOUT.size + len(data) + fill) // 4 - 1
    return _LAYOUT.pack(2 << 6 | fill, _TYPE, words, ssrc, _NAME) + data + bytes(fill)


def find_app(compound: bytes) -> bytes | None:
    """The data of the first packet of ours in a compound; None where there is none.

    Any bytes are safe; a packet whose length lies ends the search.
    """
    position = 0
    while position + 4 <= len(compound):
        words = int.from_bytes(compound[position + 2 : position + 4], "big")
        end = position + 4 + 4 * words
        if end > len(compound) or compound[position] >> 6 != 2:
            return None
        packet = compound[position:end]
        position = end
        if packet[1] != _TYPE or packet[8:12] != _NAME or packet[0] & 0x20:
            continue
        fill = packet[0] & 0x1F
        data = packet[_LAYOUT.size :]
        if fill < 4 and fill <= len(data) and len(data) - fill <= APP_DATA_MAX_BYTES:
            return data[: len(data) - fill]
    return None
