"""Parts of a model card: tables and pictures, and what is refused of what they are made from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from export.card_tables import data_summary, data_table, quality_tables, trials_table
from export.failure_pictures import BUDGET_BYTES, Failure, read_failures, write_failures
from export.provenance import ClipSource
from shared.errors import ArtifactError

SOURCES = [
    ClipSource("ann_1", "ann", 1500, "some/where", "MIT"),
    ClipSource("ann_2", "ann", 750, "some/where", "MIT"),
    ClipSource("ann_s", "ann", 1, "else/where", "BSD"),
    ClipSource("own", "own", 75, "", ""),
]


def test_data_is_counted_by_source() -> None:
    assert data_table(SOURCES)[2:] == [
        "| some/where | MIT | 2 | 1.5 | 2250 | 0 | 1 |",
        "| not listed | not listed | 1 | 0.1 | 75 | 0 | 1 |",
        "| else/where | BSD | 0 | 0.0 | 0 | 1 | 1 |",
        "| all |  | 3 | 1.6 | 2325 | 1 | 2 |",
    ]
    assert data_summary(SOURCES).startswith(
        "3 clips (1.6 minutes) and 1 stills of 2 people from 2 public repositories, "
    )


def report(path: Path, **changes: object) -> Path:
    def row(clip: str, generator: str, references: str, psnr_db: float | None) -> dict[str, Any]:
        scores = {"frames": 10, "psnr_db": psnr_db}
        return {"clip": clip, "generator": generator, "references": references, "scores": scores}

    content: dict[str, object] = {
        "machine": {"commit": "abc", "date": "2026-11-21T01:00:00+00:00"},
        "clips": [
            row("a", "warp", "1", 20.0),
            row("b", "warp", "1", 22.0),
            row("a", "lite", "1", 21.0),
            row("b", "lite", "1", None),
            row("a", "lite", "4", 23.0),
        ],
        "cross_clips": [{**row("a", "lite", "4", None), "driving": "b"}],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_measurements_have_their_spread(tmp_path: Path) -> None:
    lines = quality_tables(report(tmp_path / "q.json"))
    assert lines[0] == "Self-reenactment, 2 clips, references: 1 (abc, 2026-11-21)"
    assert lines[2:7] == [
        "|  | warp | lite |",
        "|---|---|---|",
        "| frames | 20 in all | 20 in all |",
        "| psnr_db | 21 ± 1.41 | 21 |",
        "| psnr_db above warp's | - | 1 of 2 |",
    ]
    assert lines[8] == "Self-reenactment, 1 clips, references: 4 (abc, 2026-11-21)"
    assert lines[15] == "One person moved by another, 1 clips, references: 4 (abc, 2026-11-21)"
    assert lines[20:] == ["| psnr_db | - |", ""]


@pytest.mark.parametrize("changes", [{"clips": None}, {"machine": {}}, {"clips": [{"clip": "a"}]}])
def test_a_report_of_something_else(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="a report of `benchmarks quality --json` is expected"):
        quality_tables(report(tmp_path / "q.json", **changes))
    with pytest.raises(ArtifactError, match="a report of `benchmarks quality --json` is expected"):
        quality_tables(tmp_path / "missing.json")


def test_trials_are_shown_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text('variant,result\nwide,"better, slower"\na|b,worse\n')
    assert trials_table(path) == [
        "| variant | result |",
        "|---|---|",
        "| wide | better, slower |",
        "| a\\|b | worse |",
    ]
    path.write_text("variant,result\nwide\n")
    with pytest.raises(ArtifactError, match=r"2 lines of \[1, 2\] cells, a header"):
        trials_table(path)
    with pytest.raises(ArtifactError, match="a table of trials as CSV is expected"):
        trials_table(tmp_path / "missing.csv")


def test_failures_are_shown_within_a_budget(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(5):
        noise = rng.integers(0, 255, (256, 768, 3), np.uint8)
        PillowImage.fromarray(noise).save(tmp_path / f"{number}.png")
    rows = "".join(f'{number}.png,"an ear, torn"\n' for number in range(5))
    (tmp_path / "failures.csv").write_text("picture,defect\n" + rows)
    out = tmp_path / "out"
    out.mkdir()
    lines = write_failures(read_failures(tmp_path / "failures.csv"), out)
    assert lines[2:5] == ["![an ear, torn](failure_1.png)", "", "*an ear, torn*"]
    written = sorted(out.iterdir())
    assert [path.name for path in written] == [f"failure_{number}.png" for number in range(1, 6)]
    assert 200_000 < sum(path.stat().st_size for path in written) <= BUDGET_BYTES
    with PillowImage.open(written[0]) as picture:
        assert picture.width == 3 * picture.height
    many = [Failure(tmp_path / "0.png", "torn")] * 20
    with pytest.raises(
        ArtifactError, match=r"20 pictures take \d+ bytes at a height of 80, 300000"
    ):
        write_failures(many, out)


def test_a_failure_of_someone_who_may_not_be_shown_is_told(tmp_path: Path) -> None:
    table = tmp_path / "failures.csv"
    table.write_text("picture,defect\n,clip a at 2 s: the collar is torn\n")
    lines = write_failures(read_failures(table), tmp_path)
    assert "- clip a at 2 s: the collar is torn" in lines
    assert not list(tmp_path.glob("*.png"))
    table.write_text("picture,defect\n,\n")
    with pytest.raises(ArtifactError, match="row 1 needs one line"):
        read_failures(table)


def test_failures_that_cannot_be_shown(tmp_path: Path) -> None:
    table = tmp_path / "failures.csv"
    with pytest.raises(ArtifactError, match="a CSV file with columns picture and defect"):
        read_failures(table)
    table.write_text("file,text\na.png,torn\n")
    with pytest.raises(ArtifactError, match="a CSV file with columns picture and defect"):
        read_failures(table)
    table.write_text("picture,defect\na.png,torn\n")
    with pytest.raises(ArtifactError, match=r"a\.png is not there, a picture is expected"):
        read_failures(table)
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ArtifactError, match="a picture is expected"):
        write_failures([Failure(tmp_path / "a.png", "torn")], tmp_path)
    table.write_text("picture,defect\na.png,\n")
    with pytest.raises(ArtifactError, match=r"a\.png needs one line on its defect"):
        read_failures(table)
