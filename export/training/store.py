"""Prepared clips: all that training needs of a clip or still, one file each, without a tracker.

    <stem>.npz
      version             int, STORE_VERSION
      face_model          digest of the model that fitted it, text
      identity            who it is, text
      jpeg, offsets       (bytes,), (F + 1,): F pictures of 256 x 256, frame i at offsets[i:i + 2]
      landmarks           (F, 478, 3) int16, image coordinates in steps of 2^-13, smoothed
      fit_frames          (K,) the frames whose own shape is a neutral of this clip, as a set's
                          first reference gives it to a whole call
      coefficients        (K, 40) float16 \\
      residual            (K, 478, 3) int8  } that neutral's identity, as on the wire
      residual_step       (K,) float32    /
      symbols             (K, F, 34) int16: parameters of each frame, as on the wire
      reference_vectors   (K, F, 34) float16: the same as a reference carries them

torch-free and tracker-free: numpy alone reads it.
"""

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import ArtifactError
from shared.parameters import (
    IDENTITY_SIZE,
    PARAMETER_SIZE,
    VERTEX_COUNT,
    FaceParameters,
    FloatArray,
    Identity,
    Image,
)
from shared.quantization import SYMBOL_COUNT, dequantize_parameters

STORE_VERSION = 1
LANDMARK_STEP = 2.0**-13
"""Image units; 0.016 px of 256."""

_JPEG_QUALITY = 93


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClip:
    """The arrays of one file; F frames, K neutrals."""

    stem: str
    face_model: str
    identity: str
    jpeg: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    landmarks: NDArray[np.int16]
    fit_frames: NDArray[np.int32]
    coefficients: NDArray[np.float16]
    residual: NDArray[np.int8]
    residual_step: FloatArray
    symbols: NDArray[np.int16]
    reference_vectors: NDArray[np.float16]

    @property
    def frame_count(self) -> int:
        return len(self.offsets) - 1

    @property
    def neutral_count(self) -> int:
        return len(self.fit_frames)

    def image(self, frame: int) -> Image:
        """(256, 256, 3)."""
        start, end = self.offsets[frame : frame + 2]
        decoded = cv2.imdecode(self.jpeg[start:end], cv2.IMREAD_COLOR_RGB)
        return np.asarray(decoded, np.uint8)

    def points(self, frame: int) -> FloatArray:
        """(478, 3) landmarks, image coordinates."""
        return self.landmarks[frame].astype(np.float32) * np.float32(LANDMARK_STEP)

    def person(self, neutral: int) -> Identity:
        """The k-th identity."""
        return Identity(
            self.coefficients[neutral].astype(np.float32),
            self.residual[neutral],
            float(self.residual_step[neutral]),
        )

    def driving(self, neutral: int, frame: int) -> FaceParameters:
        """A frame's parameters as a receiver decodes them."""
        symbols = self.symbols[neutral, frame].astype(np.int32)
        return dequantize_parameters(symbols, capture_time=0)

    def reference(self, neutral: int, frame: int) -> FaceParameters:
        """A frame's parameters as a reference carries them."""
        vector = np.zeros(PARAMETER_SIZE, np.float32)
        vector[:SYMBOL_COUNT] = self.reference_vectors[neutral, frame]
        return FaceParameters.from_vector(vector, capture_time=0)


def encode_picture(image: Image) -> NDArray[np.uint8]:
    """JPEG bytes (N,) without chroma subsampling: 46 dB at 15 KB, read in 0.3 ms."""
    _, data = cv2.imencode(
        ".jpg",
        cv2.cvtColor(image, cv2.COLOR_RGB2BGR),
        [
            cv2.IMWRITE_JPEG_QUALITY,
            _JPEG_QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        ],
    )
    return np.asarray(data, np.uint8).ravel()


def write_clip(path: Path, clip: PreparedClip) -> None:
    """Write a file; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(
            file,
            version=np.int64(STORE_VERSION),
            face_model=np.array(clip.face_model),
            identity=np.array(clip.identity),
            **{name: getattr(clip, name) for name in _SHAPES},
        )
    part.rename(path)


def read_clip(path: Path) -> PreparedClip:
    """Raises ArtifactError for a file that is no prepared clip of this version."""
    try:
        # Opened here: numpy leaves a file that is no archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            version = int(archive["version"])
            if version != STORE_VERSION:
                raise ArtifactError(f"{path}: version {version}, {STORE_VERSION} is read")
            face_model, identity = str(archive["face_model"]), str(archive["identity"])
            arrays = {name: archive[name] for name in _SHAPES}
    except (OSError, ValueError, KeyError, EOFError, TypeError, BadZipFile) as err:
        raise ArtifactError(f"{path}: {err}, a prepared clip is expected") from err
    for name, shape in _SHAPES.items():
        found = arrays[name].shape
        if len(found) != len(shape) or any(
            want is not None and have != want for have, want in zip(found, shape, strict=True)
        ):
            raise ArtifactError(f"{path}: {name} of shape {found}, {shape} is expected")
    return PreparedClip(stem=path.stem, face_model=face_model, identity=identity, **arrays)


def read_store(folder: Path, face_model: str) -> list[PreparedClip]:
    """Every prepared clip of a folder, by name; pictures stay compressed.

    Raises ArtifactError when there is none, or one was fitted with another model than that of
    digest `face_model`.
    """
    paths = sorted(folder.glob("*.npz")) if folder.is_dir() else []
    if not paths:
        raise ArtifactError(
            f"{folder}: no prepared clips, a folder written by `python -m export prepare`"
        )
    clips = [read_clip(path) for path in paths]
    for path, clip in zip(paths, clips, strict=True):
        if clip.face_model != face_model:
            raise ArtifactError(
                f"{path}: fitted with face model {clip.face_model[:16]}, the present one is "
                f"{face_model[:16]}: prepare again"
            )
    return clips


_SHAPES: dict[str, tuple[int | None, ...]] = {
    "jpeg": (None,),
    "offsets": (None,),
    "landmarks": (None, VERTEX_COUNT, 3),
    "fit_frames": (None,),
    "coefficients": (None, IDENTITY_SIZE),
    "residual": (None, VERTEX_COUNT, 3),
    "residual_step": (None,),
    "symbols": (None, None, SYMBOL_COUNT),
    "reference_vectors": (None, None, SYMBOL_COUNT),
}
