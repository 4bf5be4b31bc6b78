"""A loaded network, whatever library runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from shared.errors import ConfigError


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


Tensor = Any
"""An array, or what a device keeps in place of one; only sessions of that device look into it."""


class PlacedSession(Session, Protocol):
    """A network with a leading batch axis that runs somewhere, and may leave its outputs there."""

    def run_kept(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        """All outputs of one row by name, kept where the network runs.

        Raises as `run` does, and DeviceMemoryError where there is no room for them.
        """

    def run_rows(self, rows: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
        """All outputs of rows that belong to different calls, each with a leading axis of 1.

        Outputs have one of as many as there are rows. Raises as `run` does.
        """


class Backend(Protocol):
    """A way to run networks on a device of this machine."""

    @property
    def description(self) -> str:
        """Library and device, for logs."""

    @property
    def largest_batch(self) -> int:
        """Rows that it runs sooner together than one by one; 1 where none are."""

    def open(
        self, content: bytes, *, largest_batch: int = 1, is_rare: bool = False
    ) -> PlacedSession:
        """A network from the bytes of an ONNX file, for up to `largest_batch` rows.

        `is_rare`: it runs seldom. Raises ArtifactError for bytes that are no network, ConfigError
        for a network that the back end cannot run, DeviceMemoryError.
        """


def shape_of(info: TensorInfo, batch: int) -> tuple[int, ...]:
    """The shape of `batch` rows. Raises ConfigError when more than the batch is dynamic."""
    rest = [size for size in info.shape[1:] if size is not None]
    if not info.shape or len(rest) != len(info.shape) - 1:
        raise ConfigError(
            f"tensor {info.name} has the shape {info.shape}, one whose first axis alone is "
            "dynamic is expected"
        )
    return (batch, *rest)
