"""How far a bundle's pictures on a back end are from those in single precision on the CPU."""

import math
from dataclasses import dataclass

import numpy as np

from export.bundle_outputs import BundleGraphs
from export.golden import SEED
from export.seeded_inputs import seeded_inputs
from shared.bundle import Bundle
from shared.errors import ArtifactError
from shared.inference.session import Backend
from shared.parameters import FloatArray

_FRAMES = 3
"""Of one batch, which a device fills up to four."""

_PEAK = 2.0
"""Pictures are in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class PictureErrors:
    """Of the pictures of one batch of seeded inputs, each from its own encoder's features."""

    largest: float
    """In units of [-1, 1]; 1/127.5 is one level of 8 bits."""

    mean: float
    psnr_db: float
    """inf where the pictures are the same."""


def picture_errors(found: FloatArray, expected: FloatArray) -> PictureErrors:
    """Of pictures (B, 3, S, S) in [-1, 1]."""
    differences = found.astype(np.float64) - expected.astype(np.float64)
    square = float(np.square(differences).mean())
    return PictureErrors(
        largest=float(np.abs(differences).max()),
        mean=float(np.abs(differences).mean()),
        psnr_db=10 * math.log10(_PEAK**2 / square) if square > 0 else math.inf,
    )


def seeded_pictures(bundle: Bundle, backend: Backend | None = None) -> FloatArray:
    """(B, 3, S, S): what a bundle makes of inputs that are the same everywhere.

    Raises as `BundleGraphs` does, and InferenceError when it does not run.
    """
    graphs = BundleGraphs(bundle, backend)
    return graphs.run(seeded_inputs(graphs.shapes, seed=SEED, batch=_FRAMES)).picture


def check_comparable(bundle: Bundle, full: Bundle) -> None:
    """Raises ArtifactError for bundles that take different inputs."""
    for name, found, expected in (
        ("size", bundle.manifest.size, full.manifest.size),
        ("conditions", bundle.manifest.conditions, full.manifest.conditions),
        ("condition size", bundle.manifest.condition_size, full.manifest.condition_size),
        ("history", bundle.manifest.history, full.manifest.history),
    ):
        if found != expected:
            raise ArtifactError(
                f"{bundle.manifest.name}: {name} {found}, {full.manifest.name} has {expected}; "
                "the same generator in two precisions is expected"
            )
