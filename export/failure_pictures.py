"""Pictures of a model card that show where a generator fails, small enough to ship."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from shared.errors import ArtifactError

BUDGET_BYTES = 300_000
"""Of all pictures of a card."""

_LARGEST, _SMALLEST = 300, 80
"""Heights in pixels: as the pictures fit into the budget."""

_COLOURS = 192
"""Of each picture's own palette, which makes a PNG a third as large."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One picture and what is wrong in it."""

    picture: Path | None
    """None where whoever is in it may not be shown."""

    defect: str
    """One line."""


def read_failures(path: Path) -> list[Failure]:
    """Of a CSV file with columns `picture` (a file beside it, or nothing) and `defect`.

    Raises ArtifactError for another file, or a picture that is not there.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            failures = [
                Failure(_beside(path, row["picture"]), row["defect"].strip())
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError, csv.Error) as err:
        raise ArtifactError(
            f"{path}: {err}, a CSV file with columns picture and defect is expected"
        ) from err
    for number, failure in enumerate(failures, start=1):
        if failure.picture is not None and not failure.picture.is_file():
            raise ArtifactError(f"{path}: {failure.picture} is not there, a picture is expected")
        if not failure.defect or "\n" in failure.defect:
            name = failure.picture.name if failure.picture else f"row {number}"
            raise ArtifactError(f"{path}: {name} needs one line on its defect")
    return failures


def _beside(path: Path, name: str) -> Path | None:
    return path.parent / name if name.strip() else None


def write_failures(failures: list[Failure], folder: Path) -> list[str]:
    """`failure_1.png`, ... in `folder`; lines of Markdown that show them.

    Raises ArtifactError for a file that is no picture, or pictures that cannot be made to fit.
    """
    shown = [(one.picture, one.defect) for one in failures if one.picture is not None]
    pictures = [_open(picture) for picture, _ in shown]
    height = _LARGEST
    while sum(map(len, encoded := [_encode(one, height) for one in pictures])) > BUDGET_BYTES:
        size = sum(map(len, encoded))
        if height == _SMALLEST:
            raise ArtifactError(
                f"{len(pictures)} pictures take {size} bytes at a height of {height}, "
                f"{BUDGET_BYTES} are allowed"
            )
        fitting = int(height * min(0.96, (BUDGET_BYTES / size) ** 0.5))
        height = max(fitting, _SMALLEST)
    lines = ["Shrunk and of few colours, so that the bundle stays small.", ""] if shown else []
    for number, ((_, defect), content) in enumerate(zip(shown, encoded, strict=True), start=1):
        name = f"failure_{number}.png"
        (folder / name).write_bytes(content)
        lines += [f"![{defect}]({name})", "", f"*{defect}*", ""]
    told = [f"- {one.defect}" for one in failures if one.picture is None]
    if told:
        lines += ["Without pictures, as the people in them may not be shown here:", "", *told, ""]
    return lines


def _open(path: Path) -> PillowImage.Image:
    try:
        with PillowImage.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError) as err:
        raise ArtifactError(f"{path}: {err}, a picture is expected") from err


def _encode(picture: PillowImage.Image, height: int) -> bytes:
    """PNG of at most this height."""
    if picture.height > height:
        width = max(round(picture.width * height / picture.height), 1)
        picture = picture.resize((width, height), PillowImage.Resampling.LANCZOS)
    content = io.BytesIO()
    picture.quantize(_COLOURS).save(content, "PNG", optimize=True)
    return content.getvalue()
