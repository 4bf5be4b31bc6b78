"""A reference's picture: within its bytes, and nothing hostile gets decoded."""

import io
import struct
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from shared.errors import BitstreamError
from shared.image_header import ImageFormat
from shared.limits import REFERENCE_MAX_BYTES
from shared.parameters import Image
from shared.reference_image import decode_reference_image, encode_reference_image


def _picture(side: int = 256) -> Image:
    """Smooth shapes with some texture."""
    rows, columns = np.mgrid[0:side, 0:side] / side
    random = np.random.default_rng(0)
    channels = [
        128 + 100 * np.sin(7 * rows + phase) * np.cos(5 * columns) for phase in (0.0, 1.0, 2.0)
    ]
    noisy = np.dstack(channels) + random.normal(scale=4, size=(side, side, 3))
    return cast(Image, noisy.clip(0, 255).astype(np.uint8))


def _psnr(one: Image, other: Image) -> float:
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("image_format", ImageFormat)
def test_best_quality_within_the_budget(image_format: ImageFormat) -> None:
    picture = _picture()
    small = encode_reference_image(picture, 3000, image_format=image_format)
    large = encode_reference_image(picture, 9000, image_format=image_format)
    assert len(small.data) <= 3000
    assert 0.75 * 9000 <= len(large.data) <= 9000
    decoded = decode_reference_image(large.data, image_format)
    assert decoded.shape == picture.shape
    assert _psnr(decoded, picture) > 30
    assert _psnr(decoded, picture) > _psnr(
        decode_reference_image(small.data, image_format), picture
    )


def test_a_budget_too_small_for_any_quality_gets_the_lowest() -> None:
    encoded = encode_reference_image(_picture(), 100)
    assert encoded.quality == 0


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_avif_colours_are_those_of_libavif(subsampling: str) -> None:
    buffer = io.BytesIO()
    picture = PillowImage.fromarray(_picture())
    picture.save(buffer, "AVIF", quality=60, speed=8, subsampling=subsampling)
    expected = np.array(PillowImage.open(io.BytesIO(buffer.getvalue())).convert("RGB"))
    decoded = decode_reference_image(buffer.getvalue(), ImageFormat.AVIF)
    difference = decoded.astype(int) - expected
    assert np.abs(difference).mean() < 0.5
    assert np.abs(difference.mean((0, 1))).max() < 0.4


def _file(size: tuple[int, int], image_format: ImageFormat) -> bytes:
    buffer = io.BytesIO()
    options = {"speed": 10} if image_format is ImageFormat.AVIF else {}
    PillowImage.new("RGB", size, (90, 60, 30)).save(buffer, image_format.name, quality=1, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("image_format", ImageFormat)
@pytest.mark.parametrize("size", [(1040, 1040), (256, 255), (8, 8)])
def test_sizes_that_are_refused(size: tuple[int, int], image_format: ImageFormat) -> None:
    with pytest.raises(BitstreamError) as error:
        decode_reference_image(_file(size, image_format), image_format)
    text = f"reference of {size[0]} x {size[1]} pixels, squares of 16 to 1024 are allowed"
    assert str(error.value) == text or "an avif picture that does not decode" in str(error.value)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    """10,000 x 10,000 by the header alone: a decoder would read on and fail in another way."""
    webp = bytearray(_file((256, 256), ImageFormat.WEBP))
    webp[26:30] = struct.pack("<HH", 10_000, 10_000)
    jpeg = bytearray(_file((256, 256), ImageFormat.JPEG))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 10_000, 10_000)
    text = r"^reference of 10000 x 10000 pixels, squares of 16 to 1024 are allowed$"
    for data, image_format in ((webp, ImageFormat.WEBP), (jpeg, ImageFormat.JPEG)):
        with pytest.raises(BitstreamError, match=text):
            decode_reference_image(bytes(data), image_format)


def test_avif_whose_container_lies_about_its_size_is_refused() -> None:
    """libavif would decode all of it and scale it to what the container says."""
    data = bytearray(_file((2048, 2048), ImageFormat.AVIF))
    place = data.index(b"ispe")
    data[place + 8 : place + 16] = struct.pack(">II", 256, 256)
    with pytest.raises(BitstreamError, match=r"^an avif picture that does not decode"):
        decode_reference_image(bytes(data), ImageFormat.AVIF)


def test_other_formats_and_lengths_are_refused() -> None:
    png = io.BytesIO()
    PillowImage.fromarray(_picture(64)).save(png, "PNG")
    with pytest.raises(BitstreamError, match=r"^a picture of unknown format, webp, avif and jpeg"):
        decode_reference_image(png.getvalue(), ImageFormat.WEBP)
    with pytest.raises(BitstreamError, match=r"^a jpeg picture, avif was announced$"):
        decode_reference_image(_file((64, 64), ImageFormat.JPEG), ImageFormat.AVIF)
    with pytest.raises(BitstreamError, match=r"^reference of 65537 bytes, at most 65536"):
        decode_reference_image(bytes(REFERENCE_MAX_BYTES + 1), ImageFormat.JPEG)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(ImageFormat),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
)
def test_damaged_files_decode_or_are_refused(
    image_format: ImageFormat, changes: list[tuple[float, int]], cut: float
) -> None:
    data = bytearray(_DAMAGED[image_format])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    if cut > 0.5:
        del data[int(cut * len(data)) :]
    try:
        decoded = decode_reference_image(bytes(data), image_format)
    except BitstreamError:
        return
    assert decoded.shape[0] == decoded.shape[1] <= 1024


_DAMAGED = {image_format: _file((64, 64), image_format) for image_format in ImageFormat}
