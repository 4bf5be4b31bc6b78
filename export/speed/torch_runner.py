"""Networks run by torch: layer by layer, compiled, and either as one recorded CUDA graph."""

import logging
from collections.abc import Callable

import torch
import torch._dynamo
from torch import Tensor

from export.speed.subject import Subject
from export.speed.unavailable import UnavailableError

_SHAPES = 1000
"""More than are ever compiled."""


class TorchRunner:
    """A network at one batch."""

    def __init__(self, subject: Subject, batch: int, *, compiled: bool, recorded: bool) -> None:
        """`compiled` by torch.compile; `recorded`: replayed as a CUDA graph.

        Raises UnavailableError for a recording without a GPU, and whatever a compiler raises.
        """
        self._processor = subject.processor
        if recorded and not self._processor.is_gpu:
            raise UnavailableError("a CUDA graph needs a GPU")
        inputs = subject.inputs(batch)
        self._inputs = inputs.tensors
        self._fresh = [self._inputs[number] for number in inputs.fresh]
        self._sent = [_on_host(one, pinned=self._processor.is_gpu) for one in self._fresh]
        graph: Callable[..., Tensor] = subject.graph
        if compiled:
            # Its notices of what a small GPU cannot autotune are no news in a table of times.
            logging.getLogger("torch._inductor").setLevel(logging.ERROR)
            # One code for all networks, formats and batches: beyond a few shapes it would run
            # layer by layer without a word.
            torch._dynamo.config.recompile_limit = _SHAPES
            torch._dynamo.config.accumulated_recompile_limit = _SHAPES
            graph = torch.compile(subject.graph, dynamic=False, fullgraph=True)
        self._graph = graph
        with torch.no_grad():
            self._picture = self._graph(*self._inputs)  # compiles
            self._recording = self._record() if recorded else None
            self._levels = _levels(self._picture)
        self._received = _on_host(self._levels, pinned=self._processor.is_gpu)

    @property
    def picture(self) -> Tensor:
        """(B, 3, S, S) on the device, of the last run."""
        return self._picture

    @torch.no_grad()
    def run(self) -> None:
        """See `Runner`."""
        if self._recording is None:
            self._picture = self._graph(*self._inputs)
        else:
            self._recording.replay()

    @torch.no_grad()
    def serve(self) -> None:
        """See `Runner`."""
        for here, sent in zip(self._fresh, self._sent, strict=True):
            here.copy_(sent, non_blocking=True)
        self.run()
        self._received.copy_(_levels(self._picture), non_blocking=True)
        self._processor.synchronize()

    def _record(self) -> "torch.cuda.CUDAGraph":
        # What a recording allocates stays where it is, so that it is warmed up on its own stream.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._graph(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        recording = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recording):
            self._picture = self._graph(*self._inputs)
        return recording


def _levels(picture: Tensor) -> Tensor:
    """(B, S, S, 3) uint8, as a call shows them."""
    return (picture * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _on_host(tensor: Tensor, *, pinned: bool) -> Tensor:
    # Of the same order of planes, so that a copy there is one transfer.
    host = torch.empty_like(tensor, device="cpu", pin_memory=pinned)
    return host.copy_(tensor)
