"""Networks run by ONNX Runtime; the only file that imports it.

It is imported when the first network is opened, so that a process which rebuilds pictures by
warping alone runs without it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.inference.session import Session, TensorInfo

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

_LOG_ERRORS_ONLY = 3
"""ONNX Runtime's severity: 0 verbose to 4 fatal. Its warnings are advice to us, not to a user."""


def open_session(
    model: str | os.PathLike[str] | bytes, *, threads: int = 1, is_rare: bool = False
) -> Session:
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
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    # A plan of all tensors in one block takes 16 MB more of lite and is no faster.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = not is_rare
    # Waiting threads would spin on a core that another stage of the call needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        content = model if isinstance(model, bytes) else Path(model).read_bytes()
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return _OrtSession(name, session)
    except OSError as err:
        raise ArtifactError(f"{name}: {err.strerror or err}") from err
    except Exception as err:  # ONNX Runtime's exceptions share no base class of their own
        raise ArtifactError(
            f"{name}: no ONNX network that can be loaded ({_first_line(err)})"
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


class _OrtSession:
    """`Session` over onnxruntime.InferenceSession."""

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
            raise InferenceError(f"{self._name}: {_first_line(err)}") from err
        return dict(zip(self._output_names, arrays, strict=True))

    def close(self) -> None:
        self._session = None


def _tensor_info(value: Any) -> TensorInfo:
    if value.type not in _DTYPES:
        raise ArtifactError(
            f"tensor {value.name} of type {value.type}, allowed: {', '.join(_DTYPES)}"
        )
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return TensorInfo(name=value.name, shape=shape, dtype=np.dtype(_DTYPES[value.type]))


def _first_line(err: Exception) -> str:
    return str(err).strip().partition("\n")[0]
