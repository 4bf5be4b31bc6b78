"""Tracked landmarks of a folder of clips, cached so that rebuilding a model takes seconds."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError
from shared.parameters import VERTEX_COUNT, Crop, Image
from shared.tracker import FaceTracker

_CACHE_VERSION = 1
"""Raised whenever the tracker's landmarks change."""

_VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")


def clip_paths(data: Path) -> list[Path]:
    """The video files of a folder, sorted. Raises ArtifactError when there is none."""
    found = sorted(path for path in data.glob("*") if path.suffix.lower() in _VIDEO_SUFFIXES)
    if not found:
        raise ArtifactError(
            f"{data}: no video files, clips of faces ({', '.join(_VIDEO_SUFFIXES)}) are expected"
        )
    return found


def clip_identities(data: Path) -> dict[str, str]:
    """Who is in each clip, by stem, from the `manifest.csv` beside the folder; empty without."""
    manifest = data.parent / "manifest.csv"
    if not manifest.is_file():
        return {}
    with manifest.open(newline="") as file:
        return {Path(row["clip"]).stem: row["identity"] for row in csv.DictReader(file)}


def tracked_landmarks(path: Path, cache: Path) -> NDArray[np.float32]:
    """(F, 478, 3) image coordinates of the main face in every frame of a clip that shows one.

    The picture's longer side spans [-1, 1]. Raises ArtifactError for a file that is no video.
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    cached = cache / f"{path.stem}-{digest}-{_CACHE_VERSION}.npy"
    if cached.is_file():
        points: NDArray[np.float32] = np.load(cached)
        return points
    tracker = FaceTracker(max_faces=1)
    frames = []
    for image in _frames(path):
        faces = tracker.track(image)
        if faces:
            crop = Crop(0.0, 0.0, float(max(image.shape[:2])))
            frames.append(crop.to_image(faces[0].points.astype(np.float64)))
    points = np.array(frames, np.float32).reshape(-1, VERTEX_COUNT, 3)
    cache.mkdir(parents=True, exist_ok=True)
    # Renamed when whole, so that an interrupted run leaves no half file behind.
    part = cached.with_suffix(".part.npy")
    np.save(part, points)
    part.rename(cached)
    return points


def _frames(path: Path) -> Iterator[Image]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    except (av.FFmpegError, IndexError) as error:
        raise ArtifactError(f"{path}: cannot be decoded ({error}), a video is expected") from error
