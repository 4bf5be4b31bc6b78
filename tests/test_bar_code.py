"""The bar code survives what the picture hop does to it."""

from fractions import Fraction

import av
import numpy as np
import pytest

from shared import bar_code
from shared.parameters import Image


def _picture(seed: int, side: int = 256) -> Image:
    """A moving, textured picture: hard for the encoder, as a face before a busy wall is."""
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    shade = 128 + 70 * np.sin(columns / 9 + seed) + 50 * np.cos(rows / 7 + seed * 0.7)
    noise = np.random.default_rng(seed).normal(0, 12, (side, side, 3))
    picture: Image = np.clip(shade[:, :, None] + noise, 0, 255).astype(np.uint8)
    return picture


@pytest.mark.parametrize("capture_time", [0, 1, 0x80000000, 0xFFFFFFFF, 0xDEADBEEF, 123456789])
@pytest.mark.parametrize("side", [128, 250, 256, 480])
def test_a_time_is_read_back(capture_time: int, side: int) -> None:
    image = _picture(1, side)
    bar_code.draw(image, capture_time)
    assert bar_code.read(image) == capture_time
    assert bar_code.read(image[:, :, 1]) == capture_time


def test_only_the_strip_is_touched() -> None:
    image = _picture(2)
    before = image.copy()
    bar_code.draw(image, 0x12345678)
    rows = 256 - bar_code.strip_height(256)
    assert bar_code.strip_height(256) == 16
    assert np.array_equal(image[:rows], before[:rows])
    assert not np.array_equal(image[rows:], before[rows:])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_holds_no_time(level: int) -> None:
    assert bar_code.read(np.full((256, 256, 3), level, np.uint8)) is None


def test_a_picture_without_a_bar_code_holds_no_time() -> None:
    assert [bar_code.read(_picture(seed)) for seed in range(50)] == [None] * 50


def test_any_wrong_cell_is_noticed() -> None:
    image = _picture(3)
    bar_code.draw(image, 0x0F0F1234)
    for cell in range(32):
        damaged = image.copy()
        damaged[240:248, cell * 8 : cell * 8 + 8] ^= 255
        assert bar_code.read(damaged) is None


def test_a_picture_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="picture 64 x 64, a bar code needs 128 or more"):
        bar_code.draw(np.zeros((64, 64, 3), np.uint8), 1)
    assert bar_code.read(np.zeros((64, 64, 3), np.uint8)) is None


@pytest.mark.parametrize("bit_rate", [250_000, 500_000])
def test_vp8_keeps_it_readable(bit_rate: int) -> None:
    """Through a VP8 encoder set as the picture hop's is, 25 pictures/s, every time is read."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width = encoder.height = 256
    encoder.bit_rate = bit_rate
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size = 3000
    encoder.qmin, encoder.qmax = 2, 56
    encoder.options = {
        "bufsize": str(bit_rate),
        "cpu-used": "-6",
        "deadline": "realtime",
        "lag-in-frames": "0",
        "minrate": str(bit_rate),
        "maxrate": str(bit_rate),
        "noise-sensitivity": "4",
        "overshoot-pct": "15",
        "static-thresh": "1",
        "undershoot-pct": "100",
    }
    decoder = av.CodecContext.create("libvpx", "r")
    times = [(0xFFFF0000 + 3600 * i) % 2**32 for i in range(100)]
    read_times: list[int | None] = []
    for index, capture_time in enumerate(times):
        image = _picture(index // 3)
        bar_code.draw(image, capture_time)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        frame.time_base = Fraction(1, 25)
        for packet in encoder.encode(frame):
            read_times.extend(
                bar_code.read(decoded.to_ndarray(format="rgb24").astype(np.uint8))
                for decoded in decoder.decode(packet)
            )
    assert read_times == times
