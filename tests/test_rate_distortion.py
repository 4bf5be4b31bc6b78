"""Means, tables, figures and pictures of a made-up run, with all that can be lacking in one."""

import json
import math
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.classic_codec import Codec
from benchmarks.coded_clip import CodecPoint, CodecSetting
from benchmarks.picture_judge import PictureScores
from benchmarks.rate_distortion_calls import CallResults, Way, WireRate
from benchmarks.rate_distortion_figures import figures
from benchmarks.rate_distortion_jobs import FLOOR, CodedPoint, RebuiltClip
from benchmarks.rate_distortion_measures import MEASURES, Better
from benchmarks.rate_distortion_pictures import PictureRun
from benchmarks.rate_distortion_plot import draw
from benchmarks.rate_distortion_result import PictureMeans
from benchmarks.rate_distortion_sheet import save_sheet
from benchmarks.rate_distortion_tables import tables
from benchmarks.result_file import ResultFile, write_result
from shared.errors import ArtifactError, ConfigError
from tests.portrait_clip import write_portrait_clip

_RATES = (12_000, 40_000)
_PICTURE = np.full((256, 256, 3), 90, np.uint8)


def _scores(psnr_db: float, csim: float) -> PictureScores:
    values = {field.name: 0.5 for field in fields(PictureScores)}
    return PictureScores(**{**values, "psnr_db": psnr_db, "csim": csim})


def _rebuilt(psnr_db: float) -> RebuiltClip:
    return RebuiltClip(
        scores=(_scores(psnr_db, 0.8), _scores(psnr_db - 1, math.nan)),
        instants=(1, 2, 3),
        looked_at=1,
        reference_bytes=(5_000, 2_500),
        payload_bps=1_500.0,
        driving=_PICTURE,
        pictures=(_PICTURE, _PICTURE),
    )


def _coded(wire_bps: float, psnr_db: float, csim: float) -> CodedPoint:
    setting = CodecSetting(3, Fraction(1, 2), 51)
    point = CodecPoint(wire_bps, psnr_db, 0.9, 25 / 3, 0.5, 51, first_picture_bytes=1_300)
    return CodedPoint(setting, point, _scores(psnr_db, csim), _PICTURE)


def _run() -> PictureRun:
    curve: dict[int, CodedPoint | None] = {
        FLOOR: _coded(4_000, 20, 0.1),
        12_000: _coded(11_000, 27, 0.6),
        40_000: _coded(38_000, 34, 0.9),
    }
    dear = {**curve, FLOOR: _coded(15_000, 30, 0.7), 12_000: None}
    coded: dict[Codec, dict[str, dict[int, CodedPoint | None]]] = {codec: {} for codec in Codec}
    coded[Codec.X264] = {"a": curve, "b": curve}
    coded[Codec.VP8] = {"a": dear, "b": dear}
    return PictureRun(
        generators=("lite", "warp"),
        rebuilt={"a": _rebuilt(21), "b": _rebuilt(23)},
        coded=coded,
        why={"AV1": "PyAV 18 is built without libsvtav1", "Kilocall": "c: no face, one is needed"},
    )


def _calls() -> CallResults:
    rates: dict[Way, WireRate | None] = dict.fromkeys(Way, WireRate(2, 10_800, 2_800, 1_500))
    rates[Way.IN_BAND] = None
    return CallResults(rates, {Way.IN_BAND: "no clip with sound"})


def test_means_and_crossovers_are_those_of_all_clips() -> None:
    means = PictureMeans(_run(), _RATES)
    assert means.own["lite"].scores.psnr_db == 22
    assert means.own["lite"].deviations.psnr_db == pytest.approx(math.sqrt(2))
    assert means.start_bytes == 7_500
    assert means.floor_bps(Codec.AV1) is None
    found = figures([_calls(), _calls()], [means, means])
    assert found["rate-distortion/wire/2-frames/total_kbps"].values == (13.6, 13.6)
    spread = found["rate-distortion/wire/2-frames/with_references_60s_kbps"]
    assert spread.median == pytest.approx(14.6)
    assert found["rate-distortion/wire/in-band/total_kbps"].why == "no clip with sound"
    assert found["rate-distortion/lite/psnr_db"].portable
    assert found["rate-distortion/x264/12kbps/csim"].median == 0.6
    crossing = found["rate-distortion/crossover/lite/x264/csim_kbps"].median
    assert crossing is not None
    assert 11 < crossing < 38
    below = found["rate-distortion/crossover/lite/vp8/psnr_db_kbps"]
    assert (below.median, below.why) == (None, "below its floor of 15.0")
    assert found["rate-distortion/crossover/warp/x264/csim_kbps"].why == "not measured"
    lacking = found["rate-distortion/vp8/12kbps/csim"].why
    assert lacking == "out of reach, the least is 15.0 kbit/s"
    assert found["rate-distortion/av1/floor/csim"].why == "PyAV 18 is built without libsvtav1"
    pair = found["rate-distortion/bd-rate/vp8-against-x264/psnr_db_percent"].median
    assert pair is not None


def test_tables_say_who_is_better_and_what_is_lacking() -> None:
    crossing, warp, wire, quality, bd = tables(_calls(), PictureMeans(_run(), _RATES))
    cells = {row[0]: row[1:] for row in crossing.rows}
    assert cells["PSNR, dB"] == (
        "22.00 ± 1.41", "5.3: codec", "< 15.0 (floor): out of reach", "-", "-",
    )  # fmt: skip
    assert cells["CSIM"][1] == "25.1: Kilocall"
    assert {row[0]: row[2] for row in warp.rows}["CSIM"] == "-"
    assert ("Kilocall, inside the sound", *("-",) * 8) in wire.rows
    assert any(row[:2] == ("VP8 12", "floor 15.0") for row in quality.rows)
    assert any(row[:2] == ("AV1 12", "missing") for row in quality.rows)
    assert "left out: Kilocall: c: no face, one is needed" in quality.notes
    assert bd.columns == ("measure", "VP8 against x264")
    for table in (crossing, wire, quality, bd):
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_files_are_written_whatever_is_lacking(tmp_path: Path) -> None:
    means = PictureMeans(_run(), _RATES)
    made = tables(_calls(), means)
    write_result(
        tmp_path / "r.json",
        benchmark="rate-distortion",
        quick=True,
        seconds=1.0,
        figures=figures([_calls()], [means]),
        tables=made,
    )
    assert ResultFile.load(tmp_path / "r.json").tables == made
    draw(_calls(), means, "QUICK", tmp_path / "plot.png")
    nothing = CallResults(dict.fromkeys(Way), {})
    draw(nothing, means, "QUICK", tmp_path / "no_calls.png")
    save_sheet(_run(), 13_600, tmp_path / "sheet.png")
    with PillowImage.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 7 * 256 + 6 * 2
    assert json.loads((tmp_path / "r.json").read_text())["quick"]


def test_each_measure_is_better_its_own_way() -> None:
    by_field = {measure.field: measure for measure in MEASURES}
    assert by_field["psnr_db"].goodness(30) > by_field["psnr_db"].goodness(29)
    assert by_field["akd_px"].goodness(1.0) > by_field["akd_px"].goodness(1.1)
    one = by_field["sharpness"]
    assert one.better is Better.ONE
    assert one.goodness(0.8) == pytest.approx(one.goodness(1.25))
    assert one.goodness(0.0) == -math.inf
    assert {measure.field for measure in MEASURES} < {field.name for field in fields(PictureScores)}


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    def run(*arguments: object) -> None:
        result = CliRunner().invoke(app, ["rate-distortion", *map(str, arguments)])
        assert result.exception is not None
        raise result.exception

    with pytest.raises(ArtifactError, match=r"no \*\.mp4 in it, a folder of clips"):
        run("--data", tmp_path)
    with pytest.raises(ConfigError, match="--every 6, a number that neither 2 nor 3 divides"):
        run("--data", tmp_path, "--every", 6)
    write_portrait_clip(tmp_path / "a.mp4", frames=4)
    with pytest.raises(ArtifactError, match="generator 'nobody', known are"):
        run("--data", tmp_path, "--bundle", "nobody")


def test_a_point_knows_what_its_first_picture_takes() -> None:
    point = _coded(4_000, 20, 0.1).point
    assert point.first_picture_wire_bytes == 1_300 + 2 * 40
    assert replace(point, first_picture_bytes=1_200).first_picture_wire_bytes == 1_240


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_quick_run_from_end_to_end(tmp_path: Path) -> None:
    write_portrait_clip(tmp_path / "a.mp4", frames=50, sound=True)
    result = tmp_path / "r.json"
    arguments = ["rate-distortion", "--data", tmp_path, "--quick", "--bundle", "warp"]
    done = CliRunner().invoke(app, [*map(str, arguments), "--json", str(result)])
    assert done.exit_code == 0, done.output
    found = ResultFile.load(result).figures
    total = found["rate-distortion/wire/2-frames/total_kbps"].median
    assert total is not None
    assert 5 < total < 20
    assert found["rate-distortion/warp/psnr_db"].median is not None
    assert "Where a codec equals Kilocall's picture (warp)" in done.output
