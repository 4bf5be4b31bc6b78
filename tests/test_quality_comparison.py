import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.clip_scores import SelfRow, SelfScores, deviations, mean_scores
from benchmarks.quality_comparison import (
    Comparison,
    choose_baseline,
    compare,
    print_comparison,
    print_targets,
)
from benchmarks.quality_report import read_result
from shared.errors import ArtifactError, ConfigError

NAN = float("nan")
WARP = SelfScores(
    frames=10,
    l1=16.0,
    psnr_db=20.0,
    ssim=0.7,
    ms_ssim=0.8,
    csim=0.80,
    akd_px=1.2,
    aed=0.5,
    apd_deg=1.0,
    sharpness=0.85,
    flicker=0.8,
    faces_lost=0,
)
LITE = replace(WARP, l1=13.0, psnr_db=21.6, csim=0.85, sharpness=1.05, flicker=1.4)


def rows(generator: str, *scores: SelfScores, references: str = "policy") -> list[SelfRow]:
    return [
        SelfRow(f"clip{number}", references, generator, one) for number, one in enumerate(scores)
    ]


def compared(ours: list[SelfRow], theirs: list[SelfRow]) -> list[Comparison]:
    baseline = choose_baseline(
        theirs,
        "warp",
        clips=[row.clip for row in ours],
        references=[row.references for row in ours],
    )
    return compare(ours, baseline)


def test_means_count_clips_alike_and_leave_out_what_is_missing() -> None:
    one = replace(WARP, l1=1.0, akd_px=1.0, csim=NAN, faces_lost=1)
    two = replace(WARP, frames=1, l1=3.0, akd_px=NAN, csim=NAN)
    mean, spread = mean_scores([one, two]), deviations([one, two])
    assert (mean.frames, mean.l1, mean.akd_px, mean.faces_lost) == (11, 2.0, 1.0, 1)
    assert mean.csim != mean.csim
    assert spread.l1 == pytest.approx(2**0.5)
    assert spread.akd_px != spread.akd_px


def test_clips_are_counted_by_what_is_better() -> None:
    better, worse = LITE, replace(LITE, psnr_db=19.0, sharpness=1.4)
    ours = rows("lite", better, worse, better)
    (found,) = compared(ours, rows("warp", WARP, WARP))
    assert [clip for clip, _, _ in found.clips] == ["clip0", "clip1"]
    assert found.better_on("psnr_db") == 1
    assert found.better_on("l1") == 2
    assert found.better_on("sharpness") == 1  # 1.05 is nearer to 1 than 0.85, 1.4 is not
    assert found.better_on("flicker") == 0  # 1.4 is farther from 1 than 0.8 as a ratio
    assert found.better_on("akd_px") == 0


def test_targets_are_listed_as_met_or_missed() -> None:
    ours = rows("lite", *[LITE] * 13, *[replace(LITE, psnr_db=19.9)] * 3)
    (found,) = compared(ours, rows("warp", *[WARP] * 16))
    targets = {target.text: (target.value, target.met) for target in found.targets()}
    psnr = (13 * 21.6 + 3 * 19.9) / 16 - 20
    assert targets == {
        "PSNR over the baseline's, dB >= 1.5": (pytest.approx(psnr), False),
        "clips of 16 with better PSNR >= 14": (13, False),
        "L1 over the baseline's <= 0.85": (13 / 16, True),
        "CSIM >= 0.84": (pytest.approx(0.85), True),
        "CSIM over the baseline's > 0": (pytest.approx(0.05), True),
        "AKD, px <= 1.4": (pytest.approx(1.2), True),
        "sharpness 0.8 to 1.1": (pytest.approx(1.05), True),
        "flicker 0.8 to 1.3": (pytest.approx(1.4), False),
    }
    console = Console(width=200)
    with console.capture() as printed:
        print_comparison(found, console)
        print_targets(found, console)
    assert printed.get().count("missed") == 3
    assert "13 of 16" in printed.get()


def test_each_choice_of_references_is_compared_with_its_own() -> None:
    ours = rows("lite", LITE) + rows("lite", WARP, references="first")
    theirs = rows("warp", WARP, references="first") + rows("warp", WARP)
    found = compared(ours, theirs)
    assert [one.references for one in found] == ["policy", "first"]
    assert [one.means[0].psnr_db for one in found] == [21.6, 20.0]


def test_nothing_in_common() -> None:
    with pytest.raises(ConfigError) as caught:
        compared(rows("lite", LITE), rows("warp", WARP, references="4"))
    assert str(caught.value) == (
        "baseline: nothing of warp with policy on these 1 clips, it holds warp with 4 on 1"
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "format none"),
        ('{"clips": []}', "format none"),
        ('{"format": 2}', "KeyError 'every'"),
        (
            '{"format": 2, "every": 5, "lossless_parameters": false, "clips": [{"clip": "a"}]}',
            "KeyError 'scores'",
        ),
    ],
)
def test_a_baseline_that_is_none(tmp_path: Path, content: str, found: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(content)
    with pytest.raises(ArtifactError, match="of format 2 is expected") as caught:
        read_result(path)
    assert found in str(caught.value)
    with pytest.raises(ArtifactError, match="No such file"):
        read_result(tmp_path / "missing.json")


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    row = asdict(rows("warp", WARP)[0])
    row["scores"]["csim"] = None
    del row["scores"]["beside_share"]  # not measured once
    content = {"format": 2, "every": 5, "lossless_parameters": False, "clips": [row]}
    path.write_text(json.dumps(content))
    result = read_result(path)
    (found,) = result.rows
    assert (result.every, result.lossless_parameters) == (5, False)
    assert (found.clip, found.references, found.generator) == ("clip0", "policy", "warp")
    assert found.scores.psnr_db == 20.0
    assert found.scores.csim != found.scores.csim
    assert found.scores.beside_share != found.scores.beside_share
