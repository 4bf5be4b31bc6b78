"""CUDA's runtime as cuda-python gives it, over the memory of the host."""

import ctypes
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any


class Error(IntEnum):
    """A few of cudaError_t."""

    cudaSuccess = 0  # noqa: N815
    cudaErrorMemoryAllocation = 2  # noqa: N815
    cudaErrorNoDevice = 100  # noqa: N815
    cudaErrorIllegalAddress = 700  # noqa: N815


class FakeRuntime:
    """`cuda.bindings.runtime`. What is queued is done at once, or recorded while captured."""

    cudaError_t = Error  # noqa: N815
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyDefault=4)  # noqa: N815
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)  # noqa: N815

    def __init__(self, *, gpu: str = "NVIDIA Fake 100", memory_bytes: int = 2**30) -> None:
        self.gpu = gpu
        self.free_bytes = memory_bytes
        self.devices = 1
        self.status = Error.cudaSuccess
        """Of looking for GPUs."""
        self.launched = 0
        """Graphs."""
        self._blocks: dict[int, Any] = {}
        self._streams = 0
        self._captured: list[Callable[[], object]] | None = None

    def queue(self, work: Callable[[], object]) -> None:
        """Do it, or record it."""
        if self._captured is None:
            work()
        else:
            self._captured.append(work)

    def cudaGetDeviceCount(self) -> tuple[Error, int]:  # noqa: N802
        return self.status, self.devices

    def cudaGetDeviceProperties(self, device: int) -> tuple[Error, Any]:  # noqa: N802
        name = self.gpu.encode() + bytes(8)
        return Error.cudaSuccess, SimpleNamespace(name=name, major=9, minor=0)

    def cudaGetErrorString(self, status: Error) -> tuple[Error, bytes]:  # noqa: N802
        texts = {
            Error.cudaErrorMemoryAllocation: b"out of memory",
            Error.cudaErrorNoDevice: b"no CUDA-capable device is detected",
        }
        return Error.cudaSuccess, texts.get(status, b"something else")

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Error, int]:  # noqa: N802
        self._streams += 1
        return Error.cudaSuccess, self._streams

    def cudaStreamSynchronize(self, stream: int) -> tuple[Error]:  # noqa: N802
        return (Error.cudaSuccess,)

    def cudaMallocAsync(self, size: int, stream: int) -> tuple[Error, int]:  # noqa: N802
        if size > self.free_bytes:
            return Error.cudaErrorMemoryAllocation, 0
        block = (ctypes.c_uint8 * size)()
        self._blocks[ctypes.addressof(block)] = block
        self.free_bytes -= size
        return Error.cudaSuccess, ctypes.addressof(block)

    def cudaFreeAsync(self, address: int, stream: int) -> tuple[Error]:  # noqa: N802
        self.free_bytes += ctypes.sizeof(self._blocks.pop(address))
        return (Error.cudaSuccess,)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[Error, int]:  # noqa: N802
        block = (ctypes.c_uint8 * size)()
        self._blocks[ctypes.addressof(block)] = block
        return Error.cudaSuccess, ctypes.addressof(block)

    def cudaFreeHost(self, address: int) -> tuple[Error]:  # noqa: N802
        del self._blocks[address]
        return (Error.cudaSuccess,)

    def cudaMemcpyAsync(  # noqa: N802
        self, target: int, source: int, size: int, kind: int, stream: int
    ) -> tuple[Error]:
        self.queue(lambda: ctypes.memmove(target, source, size))
        return (Error.cudaSuccess,)

    def cudaStreamBeginCapture(self, stream: int, mode: int) -> tuple[Error]:  # noqa: N802
        self._captured = []
        return (Error.cudaSuccess,)

    def cudaStreamEndCapture(self, stream: int) -> tuple[Error, Any]:  # noqa: N802
        captured, self._captured = self._captured, None
        return Error.cudaSuccess, captured

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Error, Any]:  # noqa: N802
        return Error.cudaSuccess, list(graph)

    def cudaGraphDestroy(self, graph: Any) -> tuple[Error]:  # noqa: N802
        return (Error.cudaSuccess,)

    def cudaGraphLaunch(self, instance: Any, stream: int) -> tuple[Error]:  # noqa: N802
        self.launched += 1
        for work in instance:
            work()
        return (Error.cudaSuccess,)
