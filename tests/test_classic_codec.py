"""Codecs of today at a wire rate: headers are counted, what is out of reach says so."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import classic_codec
from benchmarks.classic_codec import CODECS, Codec, CodecSettings, decode, encode, missing
from benchmarks.classic_codec_rates import rate_curve, wire_bytes
from benchmarks.classic_codec_run import _codec_result, gathered
from benchmarks.picture_metrics import peak_signal_to_noise
from shared.errors import ArtifactError
from shared.parameters import Image

_RATE = Fraction(25)


def _pictures(count: int, side: int = 192) -> list[Image]:
    """A bright disc that wanders over a slope."""
    y, x = np.mgrid[:side, :side]
    pictures = []
    for number in range(count):
        disc = (x - 60 - 3 * number) ** 2 + (y - 90) ** 2 < 900
        grey = np.where(disc, 220, 40 + x // 2)
        pictures.append(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))
    return pictures


def test_every_packet_has_its_headers() -> None:
    assert wire_bytes([b"x" * 10]) == 50
    assert wire_bytes([b"x" * 1200, b"x" * 1201]) == 1240 + 1281


@pytest.mark.parametrize("codec", Codec)
def test_pictures_go_through_a_codec_one_packet_each(codec: Codec) -> None:
    if (why := missing(codec)) is not None:
        pytest.skip(why)
    pictures = _pictures(6)
    finest, coarsest = CODECS[codec].quantizers[0], CODECS[codec].quantizers[-1]
    fine, coarse = (encode(codec, pictures, _RATE, q) for q in (finest, coarsest))
    assert len(fine) == len(coarse) == 6
    assert sum(map(len, coarse)) < sum(map(len, fine))
    decoded = decode(codec, fine)
    assert len(decoded) == 6
    assert min(map(peak_signal_to_noise, decoded, pictures)) > 32


def test_a_curve_keeps_to_its_rates_and_names_its_floor() -> None:
    curve = rate_curve(Codec.X264, _pictures(20), _RATE, wire_rates_bps=(2_000, 12_000, 400_000))
    assert curve.points[2_000] is None
    assert 2_000 < curve.floor_bps < 12_000
    narrow, wide = curve.points[12_000], curve.points[400_000]
    assert narrow is not None
    assert wide is not None
    assert narrow.wire_bps <= 12_000
    assert wide.psnr_db > narrow.psnr_db
    assert wide.fps == 25
    assert wide.scale == 1


def test_a_missing_encoder_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = CodecSettings("libnothing", "h264", {}, range(1, 2))
    monkeypatch.setitem(classic_codec.CODECS, Codec.AV1, settings)
    why = missing(Codec.AV1)
    assert why is not None
    assert why.endswith("is built without libnothing")


def test_clips_that_fail_are_named_and_the_others_count() -> None:
    from concurrent.futures import Future

    good: Future[float] = Future()
    good.set_result(1.0)
    bad: Future[float] = Future()
    bad.set_exception(ArtifactError("30 frames, at least 50 are needed"))
    waiting: Future[float] = Future()
    found = gathered({Path("a.mp4"): good, Path("b.mp4"): bad, Path("c.mp4"): waiting})
    assert found == ([1.0], "b: 30 frames, at least 50 are needed")
    result = _codec_result(Codec.VP9, (12_000,), [], "b: 30 frames")
    assert (result.cells, result.why) == ({}, "b: 30 frames")
