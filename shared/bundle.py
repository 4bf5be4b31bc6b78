"""A generator bundle: a folder of a manifest and two networks, checked when it is loaded.

    bundle.json              what it is, what it takes, the hash of every other file
    reference_encoder.onnx   once per reference: `image` (1, 3, S, S) in [-1, 1] and
                             `conditions` (1, C, h, w) of the reference itself -> named features
    frame_generator.onnx     per frame: `conditions` (B, C, h, w); with history k > 0 `past_pncc`
                             (B, 3k, h, w), newest first; perhaps `audio` (B, 300); every feature
                             by its name -> `image` (B, 3, S, S) in [-1, 1]

Batch is dynamic everywhere. Numbers are float32, whatever the networks compute in.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.channel import Channel, channel_count
from shared.errors import ArtifactError
from shared.number_format import NumberFormat

BUNDLE_FORMAT: Final = 1
"""Changes with the meaning of any field, tensor or condition."""

MANIFEST_NAME = "bundle.json"
ENCODER_NAME = "reference_encoder.onnx"
FRAME_NAME = "frame_generator.onnx"

_MANIFEST_LIMIT_BYTES = 64 * 1024
_FILE_LIMIT_BYTES = 2 * 1024**3
"""Protobuf's own limit."""

_FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Side = Annotated[int, Field(ge=16, le=2048)]


BundleNumberFormat = Literal[NumberFormat.FLOAT32, NumberFormat.FLOAT16]
"""What ONNX graphs compute in on every back end."""


class Manifest(BaseModel):
    """`bundle.json`, field for field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    """BUNDLE_FORMAT."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    """Of these weights; semantic."""

    size: _Side
    """Side S of the picture in pixels."""

    conditions: Annotated[tuple[Channel, ...], Field(min_length=1)]
    """In the order in which the networks take their planes."""

    condition_size: tuple[_Side, _Side]
    """(h, w)."""

    history: Annotated[int, Field(ge=0, le=4)] = 0
    """Past frames k, 40 ms apart, whose pncc the frame generator takes."""

    number_format: BundleNumberFormat = NumberFormat.FLOAT32
    """Of weights and convolutions inside the networks."""

    face_model_version: Annotated[int, Field(ge=1)]
    """Of the face model that rendered the conditions of the training."""

    licence: Annotated[str, StringConstraints(min_length=1)]
    """Of the weights."""

    training_data: Annotated[str, StringConstraints(min_length=1)]
    """What they were trained on."""

    files: dict[_FileName, _Sha256]
    """Hash of every file beside the manifest that belongs to the bundle."""

    @property
    def condition_shape(self) -> tuple[int, int, int]:
        """(C, h, w)."""
        return (channel_count(self.conditions), *self.condition_size)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A checked bundle: what was hashed is what is run."""

    manifest: Manifest
    reference_encoder: bytes
    frame_generator: bytes


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle and check its manifest and hashes.

    Names and shapes of tensors are checked where the networks are opened (`OnnxGenerator`).
    Raises ArtifactError, naming what was found and what was expected, at the first fault.
    """
    manifest = _load_manifest(folder)
    contents: dict[str, bytes] = {}
    for required in (ENCODER_NAME, FRAME_NAME):
        if required not in manifest.files:
            raise ArtifactError(
                f"{folder / MANIFEST_NAME}: files {', '.join(manifest.files) or 'none'}, "
                f"{required} is needed"
            )
    for name, expected in manifest.files.items():
        content = _read(folder / name, _FILE_LIMIT_BYTES)
        found = hashlib.sha256(content).hexdigest()
        if found != expected:
            raise ArtifactError(f"{folder / name}: sha256 {found}, the manifest says {expected}")
        contents[name] = content
    return Bundle(
        manifest=manifest,
        reference_encoder=contents[ENCODER_NAME],
        frame_generator=contents[FRAME_NAME],
    )


def _load_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST_NAME
    content = _read(path, _MANIFEST_LIMIT_BYTES)
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "text"
        found = "" if first["type"] == "missing" else f", found {str(first['input'])[:80]!r}"
        raise ArtifactError(f"{path}: {place}: {first['msg']}{found}") from err
    if len(set(manifest.conditions)) != len(manifest.conditions):
        raise ArtifactError(
            f"{path}: conditions {', '.join(manifest.conditions)}, each may be named once"
        )
    return manifest


def _read(path: Path, limit_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > limit_bytes:
            raise ArtifactError(f"{path}: {size} bytes, at most {limit_bytes} are read")
        return path.read_bytes()
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror or err}, a bundle's file is expected") from err
