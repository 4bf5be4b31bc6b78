"""A reference's picture within a byte budget, and back, safe against hostile files."""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage
from PIL import features

from shared.avif import decode_avif
from shared.errors import BitstreamError
from shared.image_header import ImageFormat, jpeg_size, read_format, webp_size
from shared.limits import (
    REFERENCE_MAX_BYTES,
    REFERENCE_SIDE_MAX_PIXELS,
    REFERENCE_SIDE_MIN_PIXELS,
)
from shared.parameters import Image

QUALITY_MAX = 95

_ATTEMPTS = 5
"""Compressions tried at most: about 22 ms each as AVIF at 256 x 256, in a worker thread."""

_GOOD_FILL = 0.94
"""A result that fills this much of the budget ends the search."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A compressed picture."""

    data: bytes
    image_format: ImageFormat
    quality: int
    """0..QUALITY_MAX of the format's own scale."""


def best_format() -> ImageFormat:
    """AVIF where Pillow has it: 1 dB better than WebP at 3 to 4 KB, and 5 dB than JPEG."""
    return ImageFormat.AVIF if features.check("avif") else ImageFormat.WEBP


def encode_reference_image(
    image: Image, max_bytes: int, *, image_format: ImageFormat | None = None
) -> EncodedImage:
    """The best quality that fits, found in at most 5 compressions; the lowest when none does.

    `image` is (S, S, 3) uint8 RGB; the format is `best_format()` unless told.
    """
    chosen = best_format() if image_format is None else image_format
    picture = PillowImage.fromarray(image)
    low, high = 0, QUALITY_MAX
    best: EncodedImage | None = None
    quality = 45
    points: list[tuple[int, float]] = []
    for _ in range(_ATTEMPTS):
        attempt = EncodedImage(_compress(picture, chosen, quality), chosen, quality)
        points.append((quality, math.log(len(attempt.data) / max_bytes)))
        if len(attempt.data) <= max_bytes:
            low = quality + 1
            if best is None or quality > best.quality:
                best = attempt
            if len(attempt.data) >= _GOOD_FILL * max_bytes:
                break
        else:
            high = quality - 1
        if low > high:
            break
        quality = min(max(_guess(points), low), high)
    return best or EncodedImage(_compress(picture, chosen, 0), chosen, 0)


def decode_reference_image(data: bytes, image_format: ImageFormat) -> Image:
    """(S, S, 3) uint8 RGB of a WebP, AVIF or JPEG file; any bytes are safe.

    The size is checked before anything is decoded. Raises BitstreamError for a file that is too
    long, of another format than announced, not square, too small or too large, or damaged.
    """
    if len(data) > REFERENCE_MAX_BYTES:
        raise BitstreamError(
            f"reference of {len(data)} bytes, at most {REFERENCE_MAX_BYTES} are allowed"
        )
    found = read_format(data)
    if found is not image_format:
        raise BitstreamError(f"a {found.value} picture, {image_format.value} was announced")
    if image_format is ImageFormat.AVIF:
        decoded = decode_avif(data)
        _check_size(decoded.shape[1], decoded.shape[0])
        return decoded
    _check_size(*(webp_size(data) if image_format is ImageFormat.WEBP else jpeg_size(data)))
    try:
        with PillowImage.open(io.BytesIO(data), formats=[image_format.name]) as picture:
            _check_size(*picture.size)
            return np.array(picture.convert("RGB"))
    except BitstreamError:
        raise
    except Exception as err:  # Pillow's plug-ins raise OSError, SyntaxError, ValueError and more
        raise BitstreamError(
            f"a {image_format.value} picture that does not decode ({type(err).__name__})"
        ) from err


def _check_size(width: int, height: int) -> None:
    if width != height or not REFERENCE_SIDE_MIN_PIXELS <= width <= REFERENCE_SIDE_MAX_PIXELS:
        raise BitstreamError(
            f"reference of {width} x {height} pixels, squares of "
            f"{REFERENCE_SIDE_MIN_PIXELS} to {REFERENCE_SIDE_MAX_PIXELS} are allowed"
        )


def _guess(points: list[tuple[int, float]]) -> int:
    """The quality whose length would just fit: log length is nearly linear in quality."""
    if len(points) == 1:
        quality, excess = points[0]
        return round(quality - excess / _LOG_LENGTH_PER_QUALITY)
    (first, first_excess), (second, second_excess) = sorted(
        points, key=lambda point: abs(point[1])
    )[:2]
    slope = (first_excess - second_excess) / (first - second)
    slope = max(slope, _LOG_LENGTH_PER_QUALITY / 4)
    return math.floor(first - first_excess / slope)


_LOG_LENGTH_PER_QUALITY = 0.03


def _compress(picture: PillowImage.Image, image_format: ImageFormat, quality: int) -> bytes:
    buffer = io.BytesIO()
    match image_format:
        case ImageFormat.AVIF:
            picture.save(buffer, "AVIF", quality=quality, speed=6, max_threads=1)
        case ImageFormat.WEBP:
            picture.save(buffer, "WEBP", quality=quality, method=6)
        case ImageFormat.JPEG:
            picture.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()
