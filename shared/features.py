"""What a generator keeps of a reference, computed once."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.inference.session import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A reference as its generator wants it; opaque to everybody else."""

    tensors: Mapping[str, Tensor]
    """Named arrays, read only, or what the generator's device keeps in place of them."""
