"""Networks run by ONNX Runtime; the only file that imports it.

On the CPU, or on an NVIDIA GPU (`CudaBackend`). The library is imported when the first network is
opened, so that a process which rebuilds pictures by warping alone runs without it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.inference.cuda import Cuda
from shared.inference.device_session import BUCKETS, DeviceSession
from shared.inference.ort_binding import BoundNetwork, first_line
from shared.inference.session import PlacedSession, Tensor, TensorInfo

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}

_CUDA_PROVIDER = "CUDAExecutionProvider"

_LOG_ERRORS_ONLY = 3
"""ONNX Runtime's severity: 0 verbose to 4 fatal. Its warnings are advice to us, not to a user."""


def open_session(
    model: str | os.PathLike[str] | bytes, *, threads: int = 1, is_rare: bool = False
) -> PlacedSession:
    """Load an ONNX network from a file or from the bytes of one, on the CPU.

    Args:
        model: path of the file, or its content.
        threads: how many threads one run may use, >= 1. Small networks are slower with two.
        is_rare: it runs seldom, and gives the memory of a run back after it.

    Raises ConfigError without ONNX Runtime or for `threads` < 1, ArtifactError for a file that
    is missing or no ONNX network.
    """
    runtime = _import_runtime()
    if threads < 1:
        raise ConfigError(f"{threads} threads for a network, at least 1 is needed")
    name = "network in memory" if isinstance(model, bytes) else os.fspath(model)
    options = _options(runtime, threads=threads)
    # A plan of all tensors in one block takes 16 MB more of lite and is no faster.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = not is_rare
    return OrtSession(name, _load(runtime, name, model, options, ["CPUExecutionProvider"]))


class CpuBackend:
    """ONNX Runtime on the CPU."""

    largest_batch = 1
    """`lite` on one core takes 19.7 ms a frame alone, 21.5 ms a frame as a batch of two and
    22.4 ms as a batch of four."""

    def __init__(self, *, threads: int = 1) -> None:
        """Raises ConfigError without ONNX Runtime."""
        self.description = f"ONNX Runtime {_import_runtime().__version__} on the CPU"
        self._threads = threads

    def open(
        self, content: bytes, *, largest_batch: int = 1, is_rare: bool = False
    ) -> PlacedSession:
        """See `Backend.open`; any number of rows is taken."""
        return open_session(content, threads=self._threads, is_rare=is_rare)


class CudaBackend:
    """ONNX Runtime on an NVIDIA GPU: inputs, outputs and features stay in its memory."""

    largest_batch = BUCKETS[-1]

    def __init__(self, cuda: Cuda) -> None:
        """Raises ConfigError without an ONNX Runtime that knows CUDA."""
        self._runtime = _import_runtime()
        self._cuda = cuda
        known = self._runtime.get_available_providers()
        if _CUDA_PROVIDER not in known:
            raise ConfigError(
                f"this ONNX Runtime knows {', '.join(known)}, {_CUDA_PROVIDER} is needed: "
                "pip install kilocall[gpu] without [cpu]"
            )
        # CUDA's own libraries, where pip installed them.
        getattr(self._runtime, "preload_dlls", lambda: None)()
        self.description = f"ONNX Runtime {self._runtime.__version__} on {cuda.gpu}"

    def open(
        self, content: bytes, *, largest_batch: int = 1, is_rare: bool = False
    ) -> PlacedSession:
        """See `Backend.open`."""
        name = "network in memory"
        stream = self._cuda.open_stream()
        provider = (
            _CUDA_PROVIDER,
            {"device_id": "0", "user_compute_stream": str(stream.handle)},
        )
        try:
            session = _load(self._runtime, name, content, _options(self._runtime), [provider])
        except ArtifactError as err:  # perhaps no fault of the file: the CPU will tell
            raise ConfigError(f"{self.description} cannot run this network: {err}") from err
        if session.get_providers()[0] != _CUDA_PROVIDER:
            raise ConfigError(
                f"ONNX Runtime {self._runtime.__version__} cannot load its CUDA libraries, "
                "CUDA and cuDNN of the versions that it names are needed"
            )
        described = OrtSession(name, session)
        network = BoundNetwork(name, session, described.inputs, described.outputs)
        return DeviceSession(name, self._cuda, stream, network, largest_batch=largest_batch)


def _options(runtime: ModuleType, *, threads: int = 1) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    # Waiting threads would spin on a core that another stage of the call needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _load(
    runtime: ModuleType,
    name: str,
    model: str | os.PathLike[str] | bytes,
    options: Any,
    providers: list[Any],
) -> Any:
    try:
        content = model if isinstance(model, bytes) else Path(model).read_bytes()
        return runtime.InferenceSession(content, options, providers=providers)
    except OSError as err:
        raise ArtifactError(f"{name}: {err.strerror or err}") from err
    except Exception as err:  # ONNX Runtime's exceptions share no base class of their own
        raise ArtifactError(
            f"{name}: no ONNX network that can be loaded ({first_line(err)})"
        ) from err


def _import_runtime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as err:
        raise ConfigError(
            "ONNX Runtime is not installed: pip install kilocall[cpu], or kilocall[gpu] with an "
            "NVIDIA GPU"
        ) from err
    return onnxruntime


class OrtSession:
    """`PlacedSession` over onnxruntime.InferenceSession."""

    def __init__(self, name: str, session: Any) -> None:
        self._name = name
        self._session: Any = session
        self.inputs: tuple[TensorInfo, ...] = tuple(map(_tensor_info, session.get_inputs()))
        self.outputs: tuple[TensorInfo, ...] = tuple(map(_tensor_info, session.get_outputs()))
        self._output_names = [info.name for info in self.outputs]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self._session is None:
            raise InferenceError(f"{self._name}: run after close")
        try:
            arrays = self._session.run(self._output_names, dict(inputs))
        except Exception as err:  # as in open_session
            raise InferenceError(f"{self._name}: {first_line(err)}") from err
        return dict(zip(self._output_names, arrays, strict=True))

    def run_kept(self, inputs: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
        return self.run(inputs)

    def run_rows(self, rows: Sequence[Mapping[str, Tensor]]) -> dict[str, np.ndarray]:
        if len(rows) == 1:
            return self.run(rows[0])
        return self.run({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})

    def close(self) -> None:
        self._session = None


def _tensor_info(value: Any) -> TensorInfo:
    if value.type not in _DTYPES:
        raise ArtifactError(
            f"tensor {value.name} of type {value.type}, allowed: {', '.join(_DTYPES)}"
        )
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return TensorInfo(name=value.name, shape=shape, dtype=np.dtype(_DTYPES[value.type]))
