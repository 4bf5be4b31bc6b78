"""Format and size of a compressed picture from its first bytes, before any decoder sees it."""

from enum import StrEnum

from shared.errors import BitstreamError


class ImageFormat(StrEnum):
    """Compression of a reference; receivers accept all."""

    WEBP = "webp"
    AVIF = "avif"
    JPEG = "jpeg"


_JPEG_FRAME_HEADERS = frozenset({0xC0, 0xC1, 0xC2})
"""SOF0-2: baseline, extended and progressive Huffman coding, what Pillow decodes."""


def read_format(data: bytes) -> ImageFormat:
    """The format by the file's signature.

    Raises BitstreamError for any other.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data[4:12] == b"ftypavif":
        return ImageFormat.AVIF
    if data[:3] == b"\xff\xd8\xff":
        return ImageFormat.JPEG
    raise BitstreamError("a picture of unknown format, webp, avif and jpeg are allowed")


def webp_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a WebP file (RFC 9649, section 2).

    Raises BitstreamError for a file without.
    """
    chunk, head = data[12:16], data[20:30]
    if chunk == b"VP8X" and len(head) == 10:
        return (1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little"))
    if chunk == b"VP8 " and head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:
        width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and head[:1] == b"\x2f" and len(head) >= 5:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise BitstreamError("a webp picture without a size")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) of a JPEG file (ITU-T T.81, B.2.2).

    Raises BitstreamError for a file without.
    """
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _JPEG_FRAME_HEADERS:
            height = int.from_bytes(data[position + 5 : position + 7], "big")
            return int.from_bytes(data[position + 7 : position + 9], "big"), height
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise BitstreamError("a jpeg picture without a size")
