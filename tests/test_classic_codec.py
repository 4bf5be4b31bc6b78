"""Codecs of today at a wire rate: headers are counted, what is out of reach says so."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks import classic_codec
from benchmarks.classic_codec import CODECS, Codec, CodecSettings, decode, encode, missing
from benchmarks.classic_codec_rates import rate_curve
from benchmarks.classic_codec_run import _codec_result, gathered
from benchmarks.coded_clip import FRAME_DIVISORS, SCALES, CodecSetting, CodedClip, wire_bytes
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


@pytest.mark.parametrize("wire_rate_bps", [9_000, 60_000])
def test_the_best_setting_is_found_without_trying_all(wire_rate_bps: int) -> None:
    clip = CodedClip(Codec.X264, _pictures(13), _RATE)
    settings = [
        CodecSetting(divisor, scale, quantizer)
        for divisor in FRAME_DIVISORS
        for scale in SCALES
        for quantizer in CODECS[Codec.X264].quantizers
    ]
    fitting = [one for one in settings if clip.wire_bps(one) <= wire_rate_bps]
    expected = max(fitting, key=lambda one: clip.point(one).psnr_db)
    best = clip.best(wire_rate_bps)
    assert best is not None
    assert clip.point(best).psnr_db == clip.point(expected).psnr_db
    assert clip.wire_bps(clip.floor()) == min(map(clip.wire_bps, settings))


def test_a_picture_is_held_until_the_next_one() -> None:
    pictures = _pictures(7)
    shown = CodedClip(Codec.X264, pictures, _RATE).shown(CodecSetting(3, Fraction(1, 2), 17))
    assert [picture.shape for picture in shown] == [picture.shape for picture in pictures]
    assert shown[3] is shown[4] is shown[5]
    nearest = [max(range(7), key=lambda i: peak_signal_to_noise(one, pictures[i])) for one in shown]
    assert nearest == [0, 0, 0, 3, 3, 3, 6]


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


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux alone")
@pytest.mark.parametrize("codec", Codec)
def test_an_encoder_makes_no_real_time_thread_of_its_caller(codec: Codec) -> None:
    before = os.sched_getscheduler(0)
    assert len(encode(codec, _pictures(2), _RATE, 40)) == 2
    assert os.sched_getscheduler(0) == before
