"""Memory, streams and graphs of an NVIDIA GPU; the only file that imports cuda-python.

Every function of CUDA gives a status before its results; one that is not success is raised here.
"""

import ctypes
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from shared.errors import ConfigError, DeviceMemoryError, InferenceError

_NON_BLOCKING = 1
"""cudaStreamNonBlocking: the stream does not wait for the default one."""


def open_cuda() -> "Cuda":
    """The first NVIDIA GPU. Raises ConfigError, with the reason, where there is none."""
    try:
        from cuda.bindings import runtime
    except ImportError as err:
        raise ConfigError("cuda-python is not installed: pip install kilocall[gpu]") from err
    try:
        status, count = runtime.cudaGetDeviceCount()
    except RuntimeError as err:  # cuda-python found no driver to load
        raise ConfigError(f"no NVIDIA driver: {err}") from err
    if status != runtime.cudaError_t.cudaSuccess:
        raise ConfigError(f"no NVIDIA GPU: {_text(runtime, status)}")
    if count < 1:
        raise ConfigError("no NVIDIA GPU: the driver lists none")
    return Cuda(runtime)


class Cuda:
    """One GPU. Thread-safe."""

    def __init__(self, runtime: ModuleType) -> None:
        self._runtime: Any = runtime
        (properties,) = self._call("cudaGetDeviceProperties", 0)
        self.gpu = properties.name.decode().rstrip("\0")
        self.compute_capability = f"{properties.major}.{properties.minor}"
        self._memory = self.open_stream()

    def open_stream(self) -> "Stream":
        """A queue of work of its own."""
        (handle,) = self._call("cudaStreamCreateWithFlags", _NON_BLOCKING)
        return Stream(self, int(handle))

    def allocate(self, size: int) -> "DeviceBuffer":
        """`size` bytes, at once usable on every stream. Raises DeviceMemoryError."""
        (address,) = self._call("cudaMallocAsync", size, self._memory.handle)
        self._memory.synchronize()
        return DeviceBuffer(self, int(address), size)

    def allocate_host(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An array that copies to and from the GPU need not stage; freed with it."""
        size = int(np.prod(shape)) * dtype.itemsize
        (address,) = self._call("cudaHostAlloc", size, 0)
        memory = (ctypes.c_uint8 * size).from_address(int(address))
        weakref.finalize(memory, self._call, "cudaFreeHost", int(address)).atexit = False
        return np.ctypeslib.as_array(memory).view(dtype).reshape(shape)

    def free(self, address: int) -> None:
        """Give memory back, without waiting for what the GPU does now."""
        self._call("cudaFreeAsync", address, self._memory.handle)

    def copy(self, target: int, source: int, size: int, stream: "Stream") -> None:
        """Queue a copy of bytes between any two addresses of GPU and pinned memory."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDefault
        self._call("cudaMemcpyAsync", target, source, size, kind, stream.handle)

    def capture(self, work: Callable[[], None], stream: "Stream") -> "Graph":
        """What `work` queues on `stream`, as one piece that is launched at once."""
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", stream.handle, mode)
        try:
            work()
        finally:
            (graph,) = self._call("cudaStreamEndCapture", stream.handle)
        (instance,) = self._call("cudaGraphInstantiate", graph, 0)
        self._call("cudaGraphDestroy", graph)
        return Graph(self, instance)

    def launch(self, instance: Any, stream: "Stream") -> None:
        """See `Graph.launch`."""
        self._call("cudaGraphLaunch", instance, stream.handle)

    def synchronize(self, handle: int) -> None:
        """See `Stream.synchronize`."""
        self._call("cudaStreamSynchronize", handle)

    def _call(self, function: str, *arguments: object) -> tuple[Any, ...]:
        status, *results = getattr(self._runtime, function)(*arguments)
        if status == self._runtime.cudaError_t.cudaSuccess:
            return tuple(results)
        text = f"{function}: {_text(self._runtime, status)}"
        if status == self._runtime.cudaError_t.cudaErrorMemoryAllocation:
            raise DeviceMemoryError(f"{self.gpu}: memory is full ({text})")
        raise InferenceError(f"CUDA failed, {text}")


class Stream:
    """A queue of work on the GPU."""

    def __init__(self, cuda: Cuda, handle: int) -> None:
        self._cuda = cuda
        self.handle = handle
        """As libraries take it."""

    def synchronize(self) -> None:
        """Wait, without Python's lock, until all is done. Raises InferenceError if it failed."""
        self._cuda.synchronize(self.handle)


class DeviceBuffer:
    """Bytes in the GPU's memory; freed with the object."""

    def __init__(self, cuda: Cuda, address: int, size: int) -> None:
        self.address = address
        self.size = size
        weakref.finalize(self, cuda.free, address).atexit = False  # the driver does it then


class Graph:
    """Captured work, with the addresses that it was captured with."""

    def __init__(self, cuda: Cuda, instance: Any) -> None:
        self._cuda = cuda
        self._instance = instance

    def launch(self, stream: Stream) -> None:
        """Queue it."""
        self._cuda.launch(self._instance, stream)


def _text(runtime: Any, status: Any) -> str:
    _, text = runtime.cudaGetErrorString(status)
    return text.decode() if isinstance(text, bytes) else str(text)
