"""A machine that seems to have an NVIDIA GPU: fakes where the libraries would be imported."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from tests.fake_cuda import FakeRuntime
from tests.fake_onnxruntime import FakeOnnxRuntime
from tests.fake_tensorrt import FakeTensorRt


@dataclass(slots=True)
class Nvidia:
    """What a test moves."""

    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    tensorrt: FakeTensorRt = field(init=False)

    def __post_init__(self) -> None:
        self.tensorrt = FakeTensorRt(self.runtime)


def install(monkeypatch: pytest.MonkeyPatch, *, loads_cuda: bool = True) -> Nvidia:
    """Until the test ends."""
    nvidia = Nvidia()
    bindings: Any = ModuleType("cuda.bindings")
    bindings.runtime = nvidia.runtime
    for name, module in {
        "cuda": ModuleType("cuda"),
        "cuda.bindings": bindings,
        "tensorrt": nvidia.tensorrt,
        "onnxruntime": FakeOnnxRuntime(loads_cuda=loads_cuda),
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    return nvidia
