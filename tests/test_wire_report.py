"""Tables, JSON and plots of a made-up run, with all that can be lacking in one."""

import io
import json
import math
from dataclasses import fields, replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.classic_codec import Codec
from benchmarks.classic_codec_run import CodecCell, CodecResult, PictureResults, RebuiltResult
from benchmarks.clip import Clip
from benchmarks.json_file import write_json
from benchmarks.machine import machine_facts
from benchmarks.wire_actor import record_actors
from benchmarks.wire_plan import Cell, Sweep, full_plan, link, quick_plan
from benchmarks.wire_plot import draw
from benchmarks.wire_report import WireReport
from benchmarks.wire_run import CellResult, OpeningResult
from benchmarks.wire_scores import Percentiles, WireScores
from sender.parameter_transport import TransportChoice
from shared.errors import ArtifactError
from shared.face_model import FaceModel

_CHANNEL = TransportChoice.DATA_CHANNEL


def _scores() -> WireScores:
    values = {field.name: 0.25 for field in fields(WireScores)}
    milliseconds = Percentiles(10.0, 20.0, 30.0)
    whole = WireScores(**{**values, "calls": 1})  # type: ignore[arg-type]
    return replace(
        whole,
        forward_bps=11_700.0,
        arrival_ms=milliseconds,
        shown_ms=milliseconds,
        machine_late_ms=milliseconds,
    )


def _report(pictures: PictureResults | None) -> WireReport:
    failing = replace(_scores(), error_px=math.nan)
    return WireReport(
        machine=machine_facts(),
        data="test",
        emulator="relay (no /dev/net/tun)",
        quick=True,
        finished=False,
        plan=quick_plan(),
        actors=("a",),
        left_out={"b": "no face in 60 frames, one is needed"},
        cells=(
            CellResult(Cell(Sweep.LOSS, _CHANNEL, 2, link()), _scores(), None),
            CellResult(Cell(Sweep.LOSS, _CHANNEL, 2, link(loss=0.3)), failing, "2 calls: lost"),
            CellResult(
                Cell(Sweep.VOICE_RATE, _CHANNEL, None, link(rate_bps=16e3), voice=True),
                None,
                "no clip with sound",
            ),
        ),
        openings=(
            OpeningResult(0.0, 20, 0.6, 0.9, 0.2, 0, None),
            OpeningResult(0.5, 20, None, None, None, 14, None),
        ),
        pictures=pictures,
        most_pictures=75,
        seconds=600.0,
        load_average=(0.1, 1.0),
    )


def _pictures() -> PictureResults:
    reached = CodecCell(16, 30.1, 0.9, 23_000.0, 12.5, 0.5, 5_000.0)
    some = CodecCell(9, 28.2, 0.8, 15_000.0, 8.3, 0.5, 5_000.0)
    floor = CodecCell(0, None, None, None, None, None, 14_000.0)
    return PictureResults(
        codecs=(
            CodecResult(
                Codec.X264, {12_000: floor, 16_000: some, 24_000: reached}, 2_400.0, "c: cut off"
            ),
            CodecResult(Codec.AV1, {}, None, "PyAV 18 is built without libsvtav1"),
        ),
        rebuilt=RebuiltResult("warp", 16, 20.7, 0.82, None),
    )


def _printed(report: WireReport) -> str:
    output = io.StringIO()
    report.print(Console(file=output, width=260))
    return output.getvalue()


def test_tables_say_what_was_found_and_what_is_lacking() -> None:
    text = _printed(_report(_pictures()))
    for part in (
        "link emulator: relay (no /dev/net/tun)",
        "left out: b: no face in 60 frames, one is needed",
        "interrupted: this is what was measured until then",
        "rate 16, voice: 0 calls measured; no clip with sound",
        "loss 30%, delay 30±6, rate -: 1 calls measured; 2 calls: lost",
        "9 of 16 clips",
        "the first 75 pictures of a clip at most; packets of up to 1200 B and 40 B of IPv4",
        "not measured",
        "floor 14 kbit/s",
        "30.1 dB",
        "12.5/s x0.5",
        "PyAV 18 is built without libsvtav1",
        "c: cut off",
        "Kilocall warp at 11.7",
        "libx264 preset=slow",
        "this machine was busy: threads woke up to 30 ms late",
        "10.0 minutes; load 0.1 at the start",
    ):
        assert part in text, part


def test_json_holds_everything(tmp_path: Path) -> None:
    write_json(tmp_path / "wire.json", _report(_pictures()).as_json())
    found = json.loads((tmp_path / "wire.json").read_text())
    assert found["emulator"].startswith("relay")
    assert found["cells"][0]["scores"]["forward_bps"] == 11_700
    assert found["cells"][1]["scores"]["error_px"] is None
    assert found["cells"][2]["why"] == "no clip with sound"
    assert found["pictures"]["codecs"][0]["cells"]["24000"]["psnr_db"] == 30.1
    assert not found["finished"]
    assert {target["verdict"] for target in found["targets"]} == {"met", "not measured"}
    assert set(found["codec_settings"]) == {"x264", "VP8", "VP9", "AV1"}


@pytest.mark.parametrize("has_pictures", [True, False])
def test_plots_are_drawn_whatever_is_lacking(tmp_path: Path, has_pictures: bool) -> None:
    draw(_report(_pictures() if has_pictures else None), tmp_path / "wire.png")
    assert (tmp_path / "wire.png").read_bytes()[:4] == b"\x89PNG"


def test_plans_vary_what_they_promise() -> None:
    plan = full_plan()
    losses = {c.conditions.loss for c in plan.cells if c.sweep is Sweep.LOSS}
    assert losses == {0, 0.05, 0.1, 0.2, 0.3, 0.5}
    counts = {c.frames_per_message for c in plan.cells if c.sweep is Sweep.LOSS}
    assert counts == {1, 2, 3}
    assert {c.transport for c in plan.cells} == {_CHANNEL, TransportChoice.IN_BAND}
    # Parameters inside the sound need sound.
    assert all(c.voice or c.transport is _CHANNEL for c in plan.cells)
    assert len(set(plan.cells)) == len(plan.cells)
    assert plan.opening_seeds == 20
    assert plan.call_count == 4 * 45 + 6 * 20
    # All in all 40 minutes on two cores, codecs too.
    assert quick_plan().estimated_seconds < 60 < plan.estimated_seconds
    assert plan.estimated_seconds + 16 * 125 * 0.55 / 2 < 2400


def test_clips_that_cannot_play_are_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(ArtifactError, match="no clip that can be played, one with a face"):
        record_actors([path], 1, FaceModel.load(), lambda share: None)
    with pytest.raises(ArtifactError):
        Clip.open(path)
