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

    picture: Path
    defect: str
    """One line."""


def read_failures(path: Path) -> list[Failure]:
    """Of a CSV file with columns `picture` (a file beside it) and `defect`.

    Raises ArtifactError for another file, or a picture that is not there.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            failures = [
                Failure(path.parent / row["picture"], row["defect"].strip())
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, AttributeError, TypeError, csv.Error) as err:
        raise ArtifactError(
            f"{path}: {err}, a CSV file with columns picture and defect is expected"
        ) from err
    for failure in failures:
        if not failure.picture.is_file():
            raise ArtifactError(f"{path}: {failure.picture} is not there, a picture is expected")
        if not failure.defect or "\n" in failure.defect:
            raise ArtifactError(f"{path}: {failure.picture.name} needs one line on its defect")
    return failures


def write_failures(failures: list[Failure], folder: Path) -> list[str]:
    """`failure_1.png`, ... in `folder`; lines of Markdown that show them.

    Raises ArtifactError for a file that is no picture, or pictures that cannot be made to fit.
    """
    pictures = [_open(failure.picture) for failure in failures]
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
    lines = ["Shrunk and of few colours, so that the bundle stays small.", ""]
    for number, (failure, content) in enumerate(zip(failures, encoded, strict=True), start=1):
        name = f"failure_{number}.png"
        (folder / name).write_bytes(content)
        lines += [f"![{failure.defect}]({name})", "", f"*{failure.defect}*", ""]
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
