"""The clips and stills that some tests need and that the project does not contain.

They lie in the folder that KILOCALL_DATA names, else in `../shared` beside the repository. Tests
that need them are skipped where they are absent.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from shared.parameters import Image

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared"


def data_dir() -> Path:
    """The folder with `faces`, `calls` and `metrics`; skips the test where there is none."""
    path = Path(os.environ.get("KILOCALL_DATA", _BESIDE_THE_REPOSITORY))
    if not (path / "faces" / "manifest.csv").is_file():
        pytest.skip("needs ../shared (or KILOCALL_DATA) with faces/manifest.csv")
    return path


def faces_clips(split: str) -> list[Path]:
    """256 x 256 clips of one head each, by name; `split` is train, val or test."""
    return sorted((data_dir() / "faces" / split).glob("*.mp4"))


def faces_test_clip(name: str) -> Path:
    """One clip of faces/test, by its name without suffix."""
    return data_dir() / "faces" / "test" / f"{name}.mp4"


def call_clip(name: str) -> Path:
    """One uncropped clip, by its name without suffix."""
    return data_dir() / "calls" / f"{name}.mp4"


def clip_frames(path: Path, count: int | None = None) -> Iterator[Image]:
    """The first `count` pictures of a clip, or all."""
    with av.open(str(path)) as container:
        for frame in islice(container.decode(video=0), count):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
