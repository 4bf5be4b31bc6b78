"""A network in a device's memory: rows of several calls gathered, run together, and fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from shared.errors import InferenceError
from shared.inference.cuda import Cuda, DeviceBuffer, Stream
from shared.inference.session import Tensor, TensorInfo, shape_of

BUCKETS: Final = (1, 2, 4, 8, 16)
"""Batches that are made ready; others run as the next larger one."""


class DeviceNetwork(Protocol):
    """What a library does with tensors at fixed addresses, on the stream it was opened with."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """As `Session.inputs`."""

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """As `Session.outputs`."""

    def prepare(self, batch: int, addresses: Mapping[str, int]) -> None:
        """Make a batch ready whose tensors are at `addresses`, and run it once."""

    def execute(self, batch: int) -> None:
        """Queue a batch that was made ready. Raises InferenceError."""

    def close(self) -> None:
        """Free it."""


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTensor:
    """One row of a tensor that stays on the device."""

    buffer: DeviceBuffer
    info: TensorInfo


class _Place:
    """A tensor's memory for the largest batch, and pinned host memory once it is needed."""

    def __init__(self, cuda: Cuda, info: TensorInfo, largest: int) -> None:
        self.info = info
        self.row_bytes = int(np.prod(shape_of(info, 1))) * info.dtype.itemsize
        self.buffer = cuda.allocate(largest * self.row_bytes)
        self._cuda = cuda
        self._shape = shape_of(info, largest)
        self._host: np.ndarray | None = None

    @property
    def host(self) -> np.ndarray:
        if self._host is None:
            self._host = self._cuda.allocate_host(self._shape, self.info.dtype)
        return self._host

    def address(self, row: int) -> int:
        return self.buffer.address + row * self.row_bytes


class DeviceSession:
    """`PlacedSession` over memory of a GPU. Belongs to one thread at a time."""

    def __init__(
        self,
        name: str,
        cuda: Cuda,
        stream: Stream,
        network: DeviceNetwork,
        *,
        largest_batch: int = 1,
    ) -> None:
        """Allocates and runs everything once. Raises DeviceMemoryError, InferenceError."""
        self.inputs, self.outputs = network.inputs, network.outputs
        self._name = name
        self._cuda = cuda
        self._stream = stream
        self._network: DeviceNetwork | None = network
        self._buckets = [batch for batch in BUCKETS if batch <= largest_batch]
        largest = self._buckets[-1]
        self._in = {info.name: _Place(cuda, info, largest) for info in self.inputs}
        self._out = {info.name: _Place(cuda, info, largest) for info in self.outputs}
        addresses = {
            name: place.buffer.address for name, place in (*self._in.items(), *self._out.items())
        }
        for batch in self._buckets:
            network.prepare(batch, addresses)
            stream.synchronize()

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = len(next(iter(inputs.values())))
        return self.run_rows(
            [{name: value[row : row + 1] for name, value in inputs.items()} for row in range(rows)]
        )

    def run_rows(self, rows: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
        self._execute(rows)
        count = len(rows)
        for place in self._out.values():
            size = count * place.row_bytes
            self._cuda.copy(place.host.ctypes.data, place.buffer.address, size, self._stream)
        self._stream.synchronize()
        return {name: place.host[:count].copy() for name, place in self._out.items()}

    def run_kept(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        kept = {
            name: DeviceTensor(self._cuda.allocate(place.row_bytes), place.info)
            for name, place in self._out.items()
        }
        self._execute([inputs])
        for name, place in self._out.items():
            target = kept[name].buffer
            self._cuda.copy(target.address, place.buffer.address, target.size, self._stream)
        self._stream.synchronize()
        return kept

    def close(self) -> None:
        if self._network is not None:
            self._network.close()
        self._network = None
        self._in.clear()
        self._out.clear()

    def _execute(self, rows: Sequence[Mapping[str, Tensor]]) -> None:
        if self._network is None:
            raise InferenceError(f"{self._name}: run after close")
        if not 1 <= len(rows) <= self._buckets[-1]:
            raise InferenceError(
                f"{self._name}: {len(rows)} rows, 1 to {self._buckets[-1]} are taken"
            )
        for index, row in enumerate(rows):
            if row.keys() != self._in.keys():
                raise InferenceError(
                    f"{self._name}: inputs {', '.join(sorted(row))}, "
                    f"{', '.join(sorted(self._in))} are taken"
                )
            for name, value in row.items():
                self._put(self._in[name], index, value)
        self._network.execute(next(batch for batch in self._buckets if batch >= len(rows)))

    def _put(self, place: _Place, row: int, value: Tensor) -> None:
        if isinstance(value, DeviceTensor):
            source, shape, dtype = value.buffer.address, shape_of(value.info, 1), value.info.dtype
        else:
            shape, dtype = value.shape, value.dtype
        if shape != shape_of(place.info, 1) or dtype != place.info.dtype:
            raise InferenceError(
                f"{self._name}: {place.info.name} is {dtype} {shape}, "
                f"{place.info.dtype} {shape_of(place.info, 1)} is taken"
            )
        if not isinstance(value, DeviceTensor):
            place.host[row] = value[0]
            source = place.host[row].ctypes.data
        self._cuda.copy(place.address(row), source, place.row_bytes, self._stream)
