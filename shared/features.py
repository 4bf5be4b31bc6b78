"""What a generator keeps of a reference, computed once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A reference as its generator wants it; opaque to everybody else."""

    tensors: Mapping[str, np.ndarray]
    """Named arrays, read only."""
