"""Which back end is taken, and every way in which one is missing."""

import hashlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.bundle import load_bundle
from shared.errors import ConfigError, DeviceMemoryError, InferenceError
from shared.generator import load_generator
from shared.inference.cuda import open_cuda
from shared.inference.device import Device
from shared.inference.devices import open_backend
from shared.inference.trt import TensorRtBackend
from tests import nvidia
from tests.faces import textured_image
from tests.fake_cuda import Error
from tests.nvidia import Nvidia
from tests.tiny_bundle import SIZE, write_tiny_bundle

CONDITIONS = np.zeros((5, 16, 16), np.float32)
NETWORKS = 2


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Nvidia:
    return nvidia.install(monkeypatch)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundle")


def taken(
    bundle: Path, caplog: pytest.LogCaptureFixture, device: Device = Device.AUTO
) -> list[str]:
    """What the log says of the choice."""
    with caplog.at_level(logging.INFO):
        load_generator(bundle, device=device, engines=bundle.parent / "engines").close()
    return [record.getMessage() for record in caplog.records if "tiny" in record.getMessage()]


def test_without_a_gpu_the_cpu_is_taken_and_the_log_says_why(
    bundle: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cuda", "cuda.bindings", "tensorrt"):
        monkeypatch.setitem(sys.modules, name, None)
    lines = taken(bundle, caplog)
    missing = "cuda-python is not installed: pip install kilocall[gpu]"
    assert lines[:2] == [
        f"tensorrt is passed over for tiny: {missing}",
        f"cuda is passed over for tiny: {missing}",
    ]
    assert lines[2].startswith("tiny runs on ONNX Runtime ")
    assert lines[2].endswith(" on the CPU, up to 1 pictures at a time")


def test_with_everything_tensorrt_is_taken(
    gpu: Nvidia, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert taken(bundle, caplog) == [
        "tiny runs on TensorRT 11.3.0 on NVIDIA Fake 100, up to 16 pictures at a time"
    ]
    assert gpu.tensorrt.built == NETWORKS


def test_without_tensorrt_cuda_is_taken(
    gpu: Nvidia,
    bundle: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    first, second = taken(bundle, caplog)
    assert first == (
        "tensorrt is passed over for tiny: TensorRT is not installed: pip install kilocall[gpu]"
    )
    assert second.endswith("on NVIDIA Fake 100, up to 16 pictures at a time")


def test_a_network_that_tensorrt_refuses_runs_on_the_next_best(
    gpu: Nvidia, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.tensorrt.refuses = "no GridSample of 5 dimensions"
    first, second = taken(bundle, caplog)
    assert first == (
        "tensorrt is passed over for tiny: TensorRT 11.3.0 on NVIDIA Fake 100 cannot run this "
        "network: no GridSample of 5 dimensions"
    )
    assert second.startswith("tiny runs on ONNX Runtime")
    assert "NVIDIA Fake 100" in second


def test_a_gpu_without_room_is_passed_over(
    gpu: Nvidia, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.runtime.free_bytes = 1000
    *passed, last = taken(bundle, caplog)
    assert len(passed) == 2
    assert all("NVIDIA Fake 100: memory is full (cudaMallocAsync: out" in one for one in passed)
    assert "on the CPU" in last


def test_what_is_asked_for_and_missing_is_an_error(gpu: Nvidia, bundle: Path) -> None:
    gpu.tensorrt.__version__ = "8.6.1"
    with pytest.raises(ConfigError) as caught:
        load_generator(bundle, device=Device.TENSORRT)
    assert str(caught.value) == "TensorRT 8.6.1, 10 or newer is needed"


@pytest.mark.parametrize(
    ("status", "devices", "expected"),
    [
        (Error.cudaErrorNoDevice, 0, "no NVIDIA GPU: no CUDA-capable device is detected"),
        (Error.cudaSuccess, 0, "no NVIDIA GPU: the driver lists none"),
    ],
)
def test_no_gpu(gpu: Nvidia, status: Error, devices: int, expected: str) -> None:
    gpu.runtime.status, gpu.runtime.devices = status, devices
    with pytest.raises(ConfigError) as caught:
        open_cuda()
    assert str(caught.value) == expected


def test_no_driver(gpu: Nvidia, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> tuple[Error, int]:
        raise RuntimeError("Failed to dlopen libcuda.so.1")

    monkeypatch.setattr(gpu.runtime, "cudaGetDeviceCount", fail)
    with pytest.raises(ConfigError) as caught:
        open_cuda()
    assert str(caught.value) == "no NVIDIA driver: Failed to dlopen libcuda.so.1"


@pytest.mark.usefixtures("gpu")
def test_an_onnx_runtime_that_cannot_load_cuda(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia.install(monkeypatch, loads_cuda=False)
    with pytest.raises(ConfigError, match=r"cannot load its CUDA libraries, CUDA and cuDNN of"):
        load_generator(bundle, device=Device.CUDA)


def test_an_onnx_runtime_without_cuda(gpu: Nvidia, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = sys.modules["onnxruntime"]
    monkeypatch.setattr(runtime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError) as caught:
        open_backend(Device.CUDA)
    assert str(caught.value) == (
        "this ONNX Runtime knows CPUExecutionProvider, CUDAExecutionProvider is needed: "
        "pip install kilocall[gpu] without [cpu]"
    )


def test_warp_has_no_gpu() -> None:
    with pytest.raises(ConfigError) as caught:
        load_generator("warp", device=Device.CUDA)
    assert str(caught.value) == "device cuda with warp, which runs on the CPU alone"
    assert load_generator("warp", device=Device.AUTO).name == "warp"


@pytest.mark.parametrize("device", [Device.CUDA, Device.TENSORRT])
def test_one_reference_too_many_harms_no_other(gpu: Nvidia, bundle: Path, device: Device) -> None:
    generator = load_generator(bundle, device=device, engines=bundle.parent / "engines")
    image = textured_image(SIZE)
    held = generator.prepare(image, CONDITIONS)
    before = generator.generate(held, CONDITIONS)
    room, gpu.runtime.free_bytes = gpu.runtime.free_bytes, 100
    with pytest.raises(DeviceMemoryError) as caught:
        generator.prepare(image, CONDITIONS)
    assert str(caught.value) == ("NVIDIA Fake 100: memory is full (cudaMallocAsync: out of memory)")
    np.testing.assert_array_equal(generator.generate(held, CONDITIONS), before)
    gpu.runtime.free_bytes = room
    generator.prepare(image, CONDITIONS)
    assert gpu.runtime.free_bytes == room  # what nobody holds is free again


def test_tensorrt_runs_graphs(gpu: Nvidia, bundle: Path) -> None:
    generator = load_generator(bundle, device=Device.TENSORRT, engines=bundle.parent / "engines")
    features = generator.prepare(textured_image(SIZE), CONDITIONS)
    generator.generate(features, CONDITIONS)
    assert gpu.runtime.launched == 2


@pytest.mark.usefixtures("gpu")
def test_inputs_that_a_device_refuses(bundle: Path) -> None:
    session = open_backend(Device.CUDA).open(load_bundle(bundle).frame_generator, largest_batch=2)
    inputs = {
        "conditions": CONDITIONS[np.newaxis],
        "picture": np.zeros((1, 3, SIZE, SIZE), np.float32),
        "code": np.zeros((1, 4, 16, 16), np.float32),
    }
    session.run_rows([inputs, inputs])
    for wrong, text in [
        ([inputs] * 3, "3 rows, 1 to 2 are taken"),
        ([{"code": inputs["code"]}], "inputs code, code, conditions, picture are taken"),
        (
            [inputs | {"code": np.zeros((1, 4, 8, 8), np.float32)}],
            r"code is float32 \(1, 4, 8, 8\), float32 \(1, 4, 16, 16\) is taken",
        ),
        (
            [inputs | {"code": inputs["code"].astype(np.float64)}],
            r"code is float64 \(1, 4, 16, 16\), float32 \(1, 4, 16, 16\) is taken",
        ),
    ]:
        with pytest.raises(InferenceError, match=f"^network in memory: {text}$"):
            session.run_rows(wrong)


class Built:
    """TensorRT with a folder of engines."""

    def __init__(self, gpu: Nvidia, bundle: Path, folder: Path) -> None:
        self._gpu = gpu
        self._content = load_bundle(bundle).frame_generator
        self.folder = folder
        self.progress: list[tuple[str, float]] = []

    def backend(self) -> TensorRtBackend:
        return TensorRtBackend(
            open_cuda(), self.folder, lambda phase, done: self.progress.append((phase, done))
        )

    def open(self) -> int:
        """How many engines that built."""
        before = self._gpu.tensorrt.built
        self.backend().open(self._content, largest_batch=4).close()
        return self._gpu.tensorrt.built - before

    @property
    def file(self) -> Path:
        return self.backend().path(self.backend().key(self._content, 4))


@pytest.fixture
def built(gpu: Nvidia, bundle: Path, tmp_path: Path) -> Built:
    made = Built(gpu, bundle, tmp_path / "engines")
    assert made.open() == 1
    return made


def test_an_engine_is_built_once_and_tells_how_far_it_is(built: Built) -> None:
    assert built.progress == [("Building", 0.0), ("Building", 0.5), ("Building", 1.0)]
    assert [path.name for path in built.folder.iterdir()] == [built.file.name]
    assert built.open() == 0


def test_an_engine_of_another_gpu_or_version_is_left_alone_and_told(
    gpu: Nvidia, built: Built, caplog: pytest.LogCaptureFixture
) -> None:
    gpu.runtime.gpu = "NVIDIA Other"
    with caplog.at_level(logging.INFO):
        assert built.open() == 1
    assert caplog.messages[0] == (
        "the cache holds this network's engine for NVIDIA Fake 100 (compute 9.0) with TensorRT "
        "11.3.0, this is NVIDIA Other (compute 9.0) with TensorRT 11.3.0"
    )
    gpu.tensorrt.__version__ = "10.9.0"
    assert built.open() == 1
    assert len(list(built.folder.iterdir())) == 3
    gpu.tensorrt.__version__ = "11.3.0"
    assert built.open() == 0


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda content: content[:-1], "is damaged, it is built anew"),
        (lambda content: b"", "is damaged, it is built anew"),
        (lambda content: b"no JSON\n" + content, "is damaged, it is built anew"),
        (lambda content: content.replace(b"Fake 100", b"Fake 200"), "is not for NVIDIA Fake 100"),
    ],
    ids=["cut", "empty", "strange", "renamed"],
)
def test_an_engine_that_is_not_what_it_says_is_built_anew(
    built: Built,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[bytes], bytes],
    expected: str,
) -> None:
    built.file.write_bytes(spoil(built.file.read_bytes()))
    assert built.open() == 1
    assert caplog.messages[0].startswith(f"engine {built.file} {expected}")
    assert built.open() == 0


def test_an_engine_that_tensorrt_does_not_take_is_built_anew(
    gpu: Nvidia, built: Built, caplog: pytest.LogCaptureFixture
) -> None:
    content = built.file.read_bytes()
    line, _, plan = content.partition(b"\n")
    other = b"\0\0\0\1x" + plan[5:]
    line = line.replace(
        hashlib.sha256(plan).hexdigest().encode(), hashlib.sha256(other).hexdigest().encode()
    )
    built.file.write_bytes(line + b"\n" + other)
    assert built.open() == 1
    assert caplog.messages == [f"engine {built.file} is not taken, it is built anew"]
    assert built.open() == 0


def test_a_folder_that_cannot_be_written_costs_time_and_no_call(
    gpu: Nvidia, bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    built = Built(gpu, bundle, tmp_path / "file" / "engines")
    assert built.open() == 1
    assert "is not kept: " in caplog.messages[-1]
    assert built.open() == 1
