"""How far our landmarks lie from MediaPipe 0.10.21's own, frame by frame."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import ConfigError
from shared.face_region import FaceRegion
from shared.parameters import FloatArray

_ROOT = Path(__file__).resolve().parent.parent
_REQUIREMENTS = _ROOT / "requirements" / "mediapipe.txt"
_ENVIRONMENT = _ROOT / ".work" / "mediapipe"
_SCRIPT = Path(__file__).with_name("mediapipe_landmarks.py")
_PYTHONS = ("python3.12", "python3.11")
"""That MediaPipe 0.10.21 has wheels for and the project runs on."""

_MESH_SIDE = 192
"""Side of the mesh network's input in pixels."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Distances in frame pixels between two trackers' landmarks."""

    median_px: float
    p99_px: float

    aligned_median_px: float
    """Without the half-pixel slip of MediaPipe's crop: it counts pixel centres from 0 where it
    cuts the region out, but the network's answer from the region's edge, so that a region of
    scale k is off by (k - 1) / 2 pixels along its axes. Ours is not (a mirrored picture gives
    mirrored landmarks), which makes this the difference of everything else."""

    missed: int
    """Frames in which one of the two alone saw a face."""


def mediapipe_landmarks(clips: Sequence[Path]) -> list[FloatArray]:
    """(frames, 478, 3) frame pixels of each clip, NaN without a face; sets MediaPipe up once.

    Raises ConfigError where it cannot be installed or run.
    """
    python = _environment()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "landmarks.npz"
        command = [str(python), str(_SCRIPT), str(out), *map(str, clips)]
        _run(command, "MediaPipe failed")
        with np.load(out) as arrays:
            return [arrays[f"arr_{index}"] for index in range(len(clips))]


def compare(ours: FloatArray, theirs: FloatArray) -> Disagreement:
    """Both (frames, 478, 3) of one clip, NaN without a face."""
    seen = np.isfinite(ours[:, 0, 0]), np.isfinite(theirs[:, 0, 0])
    both = seen[0] & seen[1]
    difference = ours[both, :, :2] - theirs[both, :, :2]
    slip = np.array([_half_pixel_slip(points) for points in ours[both]]).reshape(-1, 1, 2)
    distances = np.linalg.norm(difference, axis=-1)
    aligned = np.linalg.norm(difference - slip, axis=-1)
    if not both.any():
        distances = aligned = np.full(1, np.nan)
    return Disagreement(
        median_px=float(np.median(distances)),
        p99_px=float(np.percentile(distances, 99)),
        aligned_median_px=float(np.median(aligned)),
        missed=int((seen[0] != seen[1]).sum()),
    )


def _half_pixel_slip(points: FloatArray) -> FloatArray:
    """(2,) by which right landmarks exceed MediaPipe's, from the region that it looked at."""
    matrix = FaceRegion.from_points(points).to_frame(_MESH_SIDE)
    return 0.5 - 0.5 * matrix[:, :2].sum(axis=1)


def _environment() -> Path:
    """The interpreter of a virtual environment with MediaPipe, made anew when its pins change."""
    python = _ENVIRONMENT / "bin" / "python"
    stamp = _ENVIRONMENT / "requirements.sha256"
    wanted = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    _run([_base_python(), "-m", "venv", str(_ENVIRONMENT)], "making an environment failed")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--no-deps", "--requirement", str(_REQUIREMENTS)], "installing MediaPipe failed")
    stamp.write_text(wanted)
    return python


def _base_python() -> str:
    if sys.version_info < (3, 13):
        return sys.executable
    for name in _PYTHONS:
        found = shutil.which(name)
        if found:
            return found
    raise ConfigError(
        f"MediaPipe 0.10.21 does not run on Python {sys.version_info[0]}.{sys.version_info[1]}, "
        f"{' or '.join(_PYTHONS)} is needed"
    )


def _run(command: Sequence[str], failure: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ConfigError(f"{failure}: {lines[-1]}")
