"""The licence rule: what is marked non-commercial, or of unknown origin, trains nothing shipped."""

from pathlib import Path

import pytest

from export.provenance import (
    SOURCES_NAME,
    ClipSource,
    forbids_commercial_use,
    read_sources,
    shippable_sources,
    write_sources,
)
from shared.errors import ArtifactError

ANN = ClipSource("ann_1", "ann", 1500, "some/where", "MIT")
BOB = ClipSource("bob", "bob", 1, "", "")


def folder_of(path: Path, *rows: ClipSource) -> Path:
    for row in rows:
        (path / f"{row.clip}.npz").touch()
    write_sources(path, list(rows))
    return path


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [
        ("CC-BY-NC", True),
        ("CC BY-NC-SA 4.0", True),
        ("cc_by_nc", True),
        ("Non-Commercial research", True),
        ("noncommercial", True),
        ("MIT", False),
        ("CC-BY-4.0", False),
        ("ANCIENT", False),
        ("", False),
    ],
)
def test_which_licences_forbid(licence: str, forbids: bool) -> None:
    assert forbids_commercial_use(licence) is forbids


def test_sources_read_as_they_were_written(tmp_path: Path) -> None:
    folder_of(tmp_path, BOB, ANN)
    assert read_sources(tmp_path) == [ANN, BOB]
    assert (ANN.minutes, BOB.minutes, BOB.is_still) == (1.0, 0.0, True)
    assert shippable_sources(tmp_path) == [ANN, BOB]


def test_a_clip_of_a_forbidden_licence(tmp_path: Path) -> None:
    folder_of(tmp_path, ANN, ClipSource("eve", "eve", 100, "a/b", "CC-BY-NC"))
    with pytest.raises(ArtifactError) as caught:
        shippable_sources(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / SOURCES_NAME}: eve (CC-BY-NC), clips of licences that forbid commercial use "
        "never train what ships"
    )


def test_a_clip_of_unknown_origin(tmp_path: Path) -> None:
    folder_of(tmp_path, ANN)
    (tmp_path / "eve.npz").touch()
    with pytest.raises(ArtifactError, match=r"nothing on eve, each of 2 prepared clips is"):
        shippable_sources(tmp_path)


def test_folders_that_say_nothing(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"sources\.csv: not found, `python -m export prepare`"):
        shippable_sources(tmp_path)
    write_sources(tmp_path, [ANN])
    with pytest.raises(ArtifactError, match="no prepared clips"):
        shippable_sources(tmp_path)
    for content in (b"clip,identity\nann,ann\n", b"\xff\xfe\x00", b"clip,identity,frames\na,b,c\n"):
        (tmp_path / SOURCES_NAME).write_bytes(content)
        with pytest.raises(ArtifactError, match="the sources of prepared clips are expected"):
            shippable_sources(tmp_path)
