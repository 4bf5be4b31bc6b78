"""TensorRT as far as it is used, running networks by ONNX Runtime over a fake GPU's memory."""

import ctypes
import json
from enum import Enum
from types import SimpleNamespace
from typing import Any

import numpy as np

from shared.inference.ort import open_session
from shared.inference.session import TensorInfo
from tests.fake_cuda import FakeRuntime


class FakeTensorRt:
    """The module."""

    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=1)
    TensorIOMode = Enum("TensorIOMode", ["INPUT", "OUTPUT"])

    class Logger:
        """Says nothing."""

        WARNING = 1

        def __init__(self, severity: int) -> None:
            self.severity = severity

    class IProgressMonitor:
        """What a build reports to."""

    def __init__(self, cuda: FakeRuntime, *, version: str = "11.3.0") -> None:
        self.__version__ = version
        self.cuda = cuda
        self.built = 0
        self.refuses: str | None = None
        """Why the parser takes no network."""

    def nptype(self, kind: np.dtype) -> Any:
        return kind.type

    def Builder(self, logger: Any) -> Any:  # noqa: N802
        return SimpleNamespace(
            create_network=lambda flags: SimpleNamespace(flags=flags, content=b""),
            create_builder_config=_Config,
            create_optimization_profile=_Profile,
            build_serialized_network=self._build,
        )

    def OnnxParser(self, network: Any, logger: Any) -> Any:  # noqa: N802
        def parse(content: bytes) -> bool:
            network.content = content
            inputs = open_session(content).inputs
            network.num_inputs = len(inputs)
            network.get_input = lambda index: SimpleNamespace(
                name=inputs[index].name, shape=_shape(inputs[index])
            )
            return self.refuses is None

        error = SimpleNamespace(desc=lambda: self.refuses)
        return SimpleNamespace(parse=parse, num_errors=1, get_error=lambda index: error)

    def Runtime(self, logger: Any) -> Any:  # noqa: N802
        return SimpleNamespace(deserialize_cuda_engine=self._deserialize)

    def _build(self, network: Any, config: Any) -> bytes:
        assert network.flags == 2  # strongly typed
        self.built += 1
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        monitor.phase_start("Tactics", "Building", 9)
        assert monitor.step_complete("Tactics", 0)
        assert monitor.step_complete("Building", 0)
        monitor.phase_finish("Building")
        profiles = json.dumps([profile.shapes for profile in config.profiles]).encode()
        return len(profiles).to_bytes(4, "big") + profiles + network.content

    def _deserialize(self, plan: bytes) -> Any:
        size = int.from_bytes(plan[:4], "big")
        try:
            profiles = json.loads(plan[4 : 4 + size])
        except ValueError:
            return None
        return _Engine(self, profiles, plan[4 + size :])


class _Config:
    def __init__(self) -> None:
        self.progress_monitor: Any = None
        self.profiles: list[_Profile] = []

    def add_optimization_profile(self, profile: "_Profile") -> None:
        self.profiles.append(profile)


class _Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[int]] = {}

    def set_shape(self, name: str, least: Any, best: Any, most: Any) -> None:
        assert least == best == most
        self.shapes[name] = list(best)


class _Engine:
    def __init__(
        self, library: FakeTensorRt, profiles: list[dict[str, list[int]]], content: bytes
    ) -> None:
        self.library = library
        self.profiles = profiles
        self.session = open_session(content)
        self._infos = [*self.session.inputs, *self.session.outputs]
        self.num_io_tensors = len(self._infos)

    def info(self, name: str) -> TensorInfo:
        return next(info for info in self._infos if info.name == name)

    def get_tensor_name(self, index: int) -> str:
        return self._infos[index].name

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return _shape(self.info(name))

    def get_tensor_dtype(self, name: str) -> np.dtype:
        return self.info(name).dtype

    def get_tensor_mode(self, name: str) -> Any:
        mode = self.library.TensorIOMode
        return mode.INPUT if self.info(name) in self.session.inputs else mode.OUTPUT

    def create_execution_context(self) -> "_Context":
        return _Context(self)


class _Context:
    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        self._profile: dict[str, list[int]] = {}
        self._addresses: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}

    def set_optimization_profile_async(self, index: int, stream: int) -> None:
        self._profile = self._engine.profiles[index]

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> None:
        assert list(shape) == self._profile[name]
        self._shapes[name] = shape

    def set_tensor_address(self, name: str, address: int) -> None:
        self._addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        self._engine.library.cuda.queue(self._run)
        return True

    def _run(self) -> None:
        inputs = {name: self._array(name, shape).copy() for name, shape in self._shapes.items()}
        for name, value in self._engine.session.run(inputs).items():
            self._array(name, value.shape)[:] = value

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        dtype = self._engine.info(name).dtype
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_uint8 * size).from_address(self._addresses[name])
        return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)


def _shape(info: TensorInfo) -> tuple[int, ...]:
    return tuple(-1 if size is None else size for size in info.shape)
