"""What runs the networks: the best that this machine has, or what is asked for."""

from collections.abc import Callable
from pathlib import Path

from shared.inference.cuda import open_cuda
from shared.inference.device import Device
from shared.inference.ort import CpuBackend, CudaBackend
from shared.inference.session import Backend
from shared.inference.trt import OnProgress, TensorRtBackend

BEST_FIRST = (Device.TENSORRT, Device.CUDA, Device.CPU)

OpenBackend = Callable[[Device], Backend]
"""Raises ConfigError for a device that is not there."""


def engine_folder() -> Path:
    """Where TensorRT's engines are kept, unless told otherwise."""
    return Path.home() / ".cache" / "kilocall" / "engines"


def open_backend(
    device: Device,
    *,
    threads: int = 1,
    engines: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Backend:
    """The back end of a device other than AUTO.

    Args:
        device: which.
        threads: of one network on the CPU.
        engines: folder of TensorRT's engines.
        on_progress: hears how far the build of an engine is; the log does without it.

    Raises ConfigError, with what is missing, for one that this machine does not have.
    """
    match device:
        case Device.TENSORRT:
            return TensorRtBackend(open_cuda(), engines or engine_folder(), on_progress)
        case Device.CUDA:
            return CudaBackend(open_cuda())
        case _:
            assert device is Device.CPU
            return CpuBackend(threads=threads)
