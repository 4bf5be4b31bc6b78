"""Where prepared clips come from, kept beside them: `sources.csv` of a folder of prepared clips.

    clip,identity,frames,source,licence

One row for each prepared clip or still. `source` is the public repository that it was taken
from, `licence` that repository's; both empty for what no `manifest.csv` lists.
"""

import csv
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from shared.errors import ArtifactError

SOURCES_NAME = "sources.csv"
FRAMES_PER_SECOND = 25
"""Of every clip: preparing takes a frame as 40 ms."""

_NOT_COMMERCIAL = re.compile(r"\bNC\b|\bNON[ -]?COMMERCIAL\b")


@dataclass(frozen=True, slots=True)
class ClipSource:
    """What a model card says about one prepared clip or still."""

    clip: str
    """Its stem: the prepared clip is `<clip>.npz`."""

    identity: str
    frames: int
    """1 for a still."""

    source: str
    licence: str

    @property
    def is_still(self) -> bool:
        return self.frames == 1

    @property
    def minutes(self) -> float:
        """0 for a still."""
        return 0.0 if self.is_still else self.frames / FRAMES_PER_SECOND / 60


def forbids_commercial_use(licence: str) -> bool:
    """Whether a manifest's licence is marked NC: such clips never train what ships (DESIGN 5)."""
    return _NOT_COMMERCIAL.search(licence.upper().replace("_", "-")) is not None


def count_frames(path: Path) -> int:
    """Of a prepared clip, without reading its pictures. Raises ArtifactError for another file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return len(archive["offsets"]) - 1
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as err:
        raise ArtifactError(f"{path}: {err}, a prepared clip is expected") from err


def write_sources(folder: Path, rows: list[ClipSource]) -> None:
    """Write a folder's sources.csv, by name of clip."""
    part = folder / f"{SOURCES_NAME}.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(ClipSource)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in sorted(rows, key=lambda row: row.clip))
    part.rename(folder / SOURCES_NAME)


def read_sources(folder: Path) -> list[ClipSource]:
    """The rows of a folder's sources.csv.

    Raises ArtifactError for a file that is missing or something else.
    """
    path = folder / SOURCES_NAME
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                ClipSource(
                    clip=row["clip"],
                    identity=row["identity"],
                    frames=int(row["frames"]),
                    source=row["source"],
                    licence=row["licence"],
                )
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError as err:
        raise ArtifactError(
            f"{path}: not found, `python -m export prepare` writes it, also for what is prepared"
        ) from err
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as err:
        raise ArtifactError(f"{path}: {err}, the sources of prepared clips are expected") from err


def shippable_sources(folder: Path) -> list[ClipSource]:
    """The sources of all prepared clips of a folder that trains what ships.

    Raises ArtifactError for a folder without clips, for one whose origin is not written down, and
    for one whose licence forbids commercial use.
    """
    rows = read_sources(folder)
    prepared = {path.stem for path in folder.glob("*.npz")}
    if not prepared:
        raise ArtifactError(
            f"{folder}: no prepared clips, a folder written by `python -m export prepare`"
        )
    unknown = sorted(prepared - {row.clip for row in rows})
    if unknown:
        raise ArtifactError(
            f"{folder / SOURCES_NAME}: nothing on {', '.join(unknown[:5])}, "
            f"each of {len(prepared)} prepared clips is expected there"
        )
    forbidden = [row for row in rows if forbids_commercial_use(row.licence)]
    if forbidden:
        names = ", ".join(f"{row.clip} ({row.licence})" for row in forbidden[:5])
        raise ArtifactError(
            f"{folder / SOURCES_NAME}: {names}, clips of licences that forbid commercial use "
            "never train what ships"
        )
    return [row for row in rows if row.clip in prepared]
