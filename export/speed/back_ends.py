"""The back ends that are compared, by name."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec

from export.speed.onnx_runner import OnnxRunner
from export.speed.runner import Runner
from export.speed.subject import Subject
from export.speed.torch_runner import TorchRunner
from export.speed.unavailable import UnavailableError

Open = Callable[[Subject, int], Runner]


def _tensorrt(subject: Subject, batch: int) -> Runner:
    if not subject.processor.is_gpu:
        raise UnavailableError("TensorRT needs a GPU")
    if find_spec("tensorrt") is None:
        raise UnavailableError("tensorrt is not installed")
    raise UnavailableError("this version opens no TensorRT engine")


BACK_ENDS: Mapping[str, Open] = {
    "eager": partial(TorchRunner, compiled=False, recorded=False),
    "graph": partial(TorchRunner, compiled=False, recorded=True),
    "compile": partial(TorchRunner, compiled=True, recorded=False),
    "compile-graph": partial(TorchRunner, compiled=True, recorded=True),
    "onnxruntime": OnnxRunner,
    "tensorrt": _tensorrt,
}


def open_runner(back_end: str, subject: Subject, batch: int) -> Runner:
    """Raises UnavailableError, or whatever the back end does."""
    return BACK_ENDS[back_end](subject, batch)
