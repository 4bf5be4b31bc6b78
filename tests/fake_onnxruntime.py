"""ONNX Runtime that takes the host for a GPU: the library itself, under CUDA's names."""

from typing import Any

import onnxruntime

CUDA = "CUDAExecutionProvider"


class FakeOnnxRuntime:
    """The parts of the module that are used."""

    __version__ = onnxruntime.__version__
    SessionOptions = onnxruntime.SessionOptions

    def __init__(self, *, loads_cuda: bool = True) -> None:
        """`loads_cuda`: False where CUDA's libraries are missing, as it falls back then."""
        self._loads_cuda = loads_cuda

    def get_available_providers(self) -> list[str]:
        return [CUDA, "CPUExecutionProvider"]

    def InferenceSession(self, content: bytes, options: Any, *, providers: list[Any]) -> Any:  # noqa: N802
        real = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return real if CUDA not in str(providers) else _Session(real, self._loads_cuda)


class _Session:
    def __init__(self, real: Any, loads_cuda: bool) -> None:
        self._real = real
        self._loads_cuda = loads_cuda
        self.get_inputs, self.get_outputs = real.get_inputs, real.get_outputs

    def get_providers(self) -> list[str]:
        return [CUDA] if self._loads_cuda else ["CPUExecutionProvider"]

    def io_binding(self) -> Any:
        return _Binding(self._real.io_binding())

    def run_with_iobinding(self, binding: Any) -> None:
        self._real.run_with_iobinding(binding.real)


class _Binding:
    def __init__(self, real: Any) -> None:
        self.real = real

    def bind_input(self, *, device_type: str, **rest: Any) -> None:
        assert device_type == "cuda"
        self.real.bind_input(device_type="cpu", **rest)

    def bind_output(self, *, device_type: str, **rest: Any) -> None:
        assert device_type == "cuda"
        self.real.bind_output(device_type="cpu", **rest)
