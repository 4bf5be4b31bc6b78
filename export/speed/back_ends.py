"""The back ends that are compared, by name."""

from collections.abc import Callable, Mapping
from functools import partial

from export.speed.placed_runner import PlacedRunner
from export.speed.runner import Runner
from export.speed.subject import Subject
from export.speed.torch_runner import TorchRunner
from export.speed.unavailable import UnavailableError
from shared.inference.device import Device

Open = Callable[[Subject, int], Runner]


def _onnxruntime(subject: Subject, batch: int) -> Runner:
    device = Device.CUDA if subject.processor.is_gpu else Device.CPU
    return PlacedRunner(device, subject, batch)


def _tensorrt(subject: Subject, batch: int) -> Runner:
    if not subject.processor.is_gpu:
        raise UnavailableError("TensorRT needs a GPU")
    return PlacedRunner(Device.TENSORRT, subject, batch)


BACK_ENDS: Mapping[str, Open] = {
    "eager": partial(TorchRunner, compiled=False, recorded=False),
    "graph": partial(TorchRunner, compiled=False, recorded=True),
    "compile": partial(TorchRunner, compiled=True, recorded=False),
    "compile-graph": partial(TorchRunner, compiled=True, recorded=True),
    "onnxruntime": _onnxruntime,
    "tensorrt": _tensorrt,
}


def open_runner(back_end: str, subject: Subject, batch: int) -> Runner:
    """Raises UnavailableError, or whatever the back end does."""
    return BACK_ENDS[back_end](subject, batch)
