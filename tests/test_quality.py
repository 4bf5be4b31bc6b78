import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from typer.testing import CliRunner

from benchmarks.__main__ import app
from shared.errors import ArtifactError, ConfigError
from tests.portrait_clip import write_portrait_clip
from tests.tiny_bundle import write_tiny_bundle


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["quality", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def scores(report: dict[str, Any], rows: str, **labels: str) -> dict[str, Any]:
    """Of the one row that has these labels."""
    (found,) = (
        row["scores"]
        for row in report[rows]
        if all(row[name] == value for name, value in labels.items())
    )
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_still_warp_and_a_bundle_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOCALL_DATA", str(tmp_path))  # no recognition network there
    clips = tmp_path / "clips"
    clips.mkdir()
    write_portrait_clip(clips / "anna_1.mp4", frames=14)
    shutil.copy(clips / "anna_1.mp4", clips / "ben_1.mp4")
    bundle = write_tiny_bundle(tmp_path / "tiny")
    result, sheet, worst = tmp_path / "q.json", tmp_path / "sheet.png", tmp_path / "worst"
    run(
        *("--data", clips, "--bundle", bundle, "--every", 4, "--threads", 2),
        *("--json", result, "--contact-sheet", sheet, "--worst", worst),
    )
    report = json.loads(result.read_text())
    assert [one["name"] for one in report["generators"]] == ["still", "warp", "tiny"]
    assert [len(one["sha256"]) for one in report["generators"]] == [0, 0, 64]
    assert (len(report["clips"]), len(report["cross_clips"])) == (2 * 2 * 3, 2 * 2 * 3)
    for choice in ("first", "policy"):
        labels = {"clip": "anna_1", "references": choice}
        still, warp = (
            scores(report, "clips", generator=name, **labels) for name in ("still", "warp")
        )
        assert still["frames"] == warp["frames"] == 3
        assert warp["akd_px"] < min(still["akd_px"], 1.6)
        assert warp["aed"] < still["aed"]
        assert warp["apd_deg"] < still["apd_deg"]
        assert warp["psnr_db"] > still["psnr_db"]
        assert warp["ms_ssim"] > still["ms_ssim"]
        assert warp["sharpness"] == pytest.approx(1, abs=0.25)
        assert still["flicker"] < 0.1 < warp["flicker"]
        assert 0 < warp["beside_share"] < 1
        assert warp["csim"] is None
        tiny = scores(report, "clips", generator="tiny", **labels)
        assert tiny["sharpness"] < 0.8 * still["sharpness"]  # its pictures are 64 x 64
        assert scores(report, "means", generator="warp", references=choice) == pytest.approx(
            {**warp, "frames": 6}
        )
        assert scores(report, "deviations", generator="warp", references=choice)["l1"] == 0
        cross = scores(report, "cross_clips", generator="warp", clip="anna_1", references=choice)
        # The same film moves it, only that now the first frame is measured too.
        assert cross["frames"] == 4
        assert cross["apd_deg"] == pytest.approx(warp["apd_deg"], abs=0.3)
    with PillowImage.open(sheet) as picture:
        assert picture.width == 5 * 256 + 4 * 2 + 12  # a single column
    assert [shown["generator"] for shown in report["worst"]] == ["tiny", "tiny"]
    assert len(list(worst.glob("worst_*.png"))) == 2


def test_a_baseline_is_compared_with(tmp_path: Path) -> None:
    write_portrait_clip(tmp_path / "anna_1.mp4", frames=9)
    result = tmp_path / "q.json"
    options = ("--data", tmp_path, "--references", "first", "--every", 4)
    run(*options, "--json", result)
    report = json.loads(result.read_text())
    assert report["cross_clips"] == []  # one clip alone
    for row in report["clips"]:
        row["scores"]["psnr_db"] -= 2
    result.write_text(json.dumps(report))
    printed = run(*options, "--baseline", result)
    assert "warp minus the baseline's warp, references: first" in printed
    assert "still minus the baseline's warp, references: first" in printed
    assert "+2.000" in printed
    assert "1 of 1" in printed
    with pytest.raises(ConfigError, match=r"measured every 4\. frame, this run measures every 3"):
        run(*options[:-1], 3, "--baseline", result)
    with pytest.raises(ConfigError, match="nothing of lite with first on these 1 clips"):
        run(*options, "--baseline", result, "--baseline-generator", "lite")


def test_what_cannot_be_measured(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no \*\.mp4 in it"):
        run("--data", tmp_path)
    clip = write_portrait_clip(tmp_path / "anna_1.mp4", frames=4)
    with pytest.raises(ArtifactError, match="generator 'nobody', known are"):
        run("--data", clip, "--bundle", "nobody")
    with pytest.raises(ConfigError, match="1 clips of 1 people for cross-reenactment"):
        run("--data", clip, "--cross")
    blank = write_portrait_clip(tmp_path / "blank.mp4", frames=4, blank=range(4))
    with pytest.raises(ArtifactError, match="no face in 4 frames"):
        run("--data", blank)
    with pytest.raises(ConfigError, match="File exists, a folder for pictures is expected"):
        run("--data", clip, "--worst", clip)
    with pytest.raises(ArtifactError, match="no frame was measured, longer clips or --every 1"):
        run("--data", clip, "--references", "first", "--every", 50)
    with pytest.raises(ArtifactError, match=r"nothing\.json: No such file"):
        run("--data", clip, "--baseline", tmp_path / "nothing.json")
