"""Golden vectors of a bundle: what its network made of seeded inputs when it was exported.

`golden.json` is written from the torch network, so whoever runs the bundle against it compares
ONNX Runtime with torch and needs no torch. It holds a seed instead of inputs, a few numbers of
every feature, and a patch of the picture.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from export.bundle_outputs import Outputs
from shared.errors import ArtifactError
from shared.number_format import NumberFormat
from shared.onnx_generator import IMAGE
from shared.parameters import FloatArray

GOLDEN_NAME = "golden.json"
TOLERANCES = {NumberFormat.FLOAT32: 1e-3, NumberFormat.FLOAT16: 5e-2}
"""Largest difference of pictures in [-1, 1] and of features in units of their own spread. Golden
vectors are float32's; pictures are sampled from noise, where a position a hundredth of a pixel off
shows most."""

SEED, BATCH = 7, 2

_SAMPLES = 24
_PATCH = 12
"""Side in pixels."""

_DECIMALS = 6
_LIMIT_BYTES = 64 * 1024


class FeatureDigest(BaseModel):
    """A few numbers of one feature of the whole batch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shape: tuple[int, ...]
    mean: float
    deviation: float
    samples: tuple[float, ...]
    """Evenly spaced through the flattened array, its first and last number among them."""


class GoldenVectors(BaseModel):
    """`golden.json`, field for field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    seed: Annotated[int, Field(ge=0)]
    batch: Annotated[int, Field(ge=1, le=16)]
    features: dict[str, FeatureDigest]
    picture: FeatureDigest
    """The output `image`."""

    patch: tuple[float, ...]
    """Of the middle of the last picture, (3, P, P) flattened, P = 12."""


def describe(outputs: Outputs, *, seed: int = SEED) -> GoldenVectors:
    """The golden vectors of what seeded inputs gave."""
    return GoldenVectors(
        seed=seed,
        batch=len(outputs.picture),
        features={name: _digest(value) for name, value in outputs.features.items()},
        picture=_digest(outputs.picture),
        patch=_rounded(_middle(outputs.picture)),
    )


def largest_deviation(golden: GoldenVectors, found: Outputs) -> tuple[float, str]:
    """(how far outputs are from the golden vectors, where); infinite for other names or shapes.

    Pictures count in their own unit [-1, 1], features in units of their own spread.
    """
    here = describe(found, seed=golden.seed)
    if here.features.keys() != golden.features.keys():
        return float("inf"), f"features {', '.join(sorted(here.features))}"
    deviations = {f"patch of {IMAGE}": _difference(here.patch, golden.patch)}
    pairs = {IMAGE: (here.picture, golden.picture)}
    pairs |= {name: (here.features[name], golden.features[name]) for name in golden.features}
    for name, (own, expected) in pairs.items():
        if own.shape != expected.shape:
            return float("inf"), f"{name} of shape {own.shape}"
        unit = 1.0 if name == IMAGE else max(expected.deviation, 1e-6)
        numbers = ((*one.samples, one.mean, one.deviation) for one in (own, expected))
        deviations[name] = _difference(*numbers) / unit
    where = max(deviations, key=lambda name: deviations[name])
    return deviations[where], where


def write_golden(folder: Path, golden: GoldenVectors) -> None:
    (folder / GOLDEN_NAME).write_text(golden.model_dump_json() + "\n", encoding="utf-8")


def read_golden(folder: Path) -> GoldenVectors:
    """Raises ArtifactError for a file that is missing or something else."""
    path = folder / GOLDEN_NAME
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ArtifactError(f"{path}: over {_LIMIT_BYTES} bytes, golden vectors are expected")
        return GoldenVectors.model_validate_json(path.read_bytes())
    except OSError as err:
        raise ArtifactError(f"{path}: {err.strerror}, golden vectors are expected") from err
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "text"
        raise ArtifactError(
            f"{path}: {place}: {first['msg']}, golden vectors are expected"
        ) from err


def _digest(values: FloatArray) -> FeatureDigest:
    places = np.linspace(0, values.size - 1, _SAMPLES).astype(np.int64)
    exact = values.astype(np.float64)
    return FeatureDigest(
        shape=values.shape,
        mean=round(float(exact.mean()), _DECIMALS),
        deviation=round(float(exact.std()), _DECIMALS),
        samples=_rounded(values.ravel()[places]),
    )


def _middle(pictures: FloatArray) -> FloatArray:
    top, left = ((side - _PATCH) // 2 for side in pictures.shape[2:])
    return pictures[-1, :, top : top + _PATCH, left : left + _PATCH]


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(round(float(value), _DECIMALS) for value in values.ravel())


def _difference(found: tuple[float, ...], expected: tuple[float, ...]) -> float:
    """Largest; infinite where one is not finite or counts differ."""
    if len(found) != len(expected):
        return float("inf")
    largest = float(np.abs(np.subtract(found, expected)).max())
    return largest if np.isfinite(largest) else float("inf")
