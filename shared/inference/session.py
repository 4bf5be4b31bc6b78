"""A loaded network, whatever library runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Name, shape and type of one input or output of a network."""

    name: str

    shape: tuple[int | None, ...]
    """None where the network takes any size (a dynamic axis)."""

    dtype: np.dtype
    """Element type."""


class Session(Protocol):
    """One network, ready to run. Not thread-safe: one session belongs to one thread at a time."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """What `run` must be given."""

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """What `run` returns."""

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs by name, in arrays that the caller may keep and change.

        Raises InferenceError where the network refuses its inputs or fails.
        """

    def close(self) -> None:
        """Free the network's memory; `run` then raises InferenceError. May be called twice."""
