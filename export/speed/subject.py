"""A network that is measured, with inputs of any batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from export.networks.counts import count_bytes, count_macs
from export.networks.family import build_network
from export.networks.graphs import FrameGraph
from export.networks.interface import GeneratorNetwork
from export.networks.number_format import set_number_format
from export.networks.spade import AUDIO_SIZE
from export.speed.processor import Processor
from shared.number_format import NumberFormat

_OF_REFERENCES = ("encoder", "person")
"""Parts of networks that run once a reference."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameInputs:
    """Of B frames, on the processor, in the order in which `FrameGraph` takes them."""

    tensors: tuple[Tensor, ...]
    fresh: tuple[int, ...]
    """Which of them are new with each frame; the others belong to references and stay."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network of seeded weights in one number format: its speed does not depend on weights."""

    network: GeneratorNetwork
    """In float32, as `export.to_onnx` takes it."""

    graph: FrameGraph
    """The per-frame graph in the number format, on the processor, planes innermost."""

    number_format: NumberFormat
    processor: Processor

    @classmethod
    def build(
        cls,
        name: str,
        sizes: Mapping[str, Any],
        number_format: NumberFormat,
        processor: Processor,
    ) -> "Subject":
        """Raises ConfigError for an unknown name, ArtifactError for sizes that are not its own."""
        torch.manual_seed(0)
        network = build_network(name, sizes).eval().requires_grad_(False)
        narrow = build_network(name, sizes).eval().requires_grad_(False)
        narrow.load_state_dict(network.state_dict())
        set_number_format(narrow, number_format)
        for parameter in narrow.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        narrow.to(processor.device)
        with torch.no_grad():
            types = [one.dtype for one in narrow.encode(*_reference(narrow, 1, processor))]
        return cls(network, FrameGraph(narrow, types), number_format, processor)

    @torch.no_grad()
    def inputs(self, batch: int) -> FrameInputs:
        """Noise: pictures in [-1, 1], conditions in [0, 0.2]; each frame has its own reference."""
        network = self.graph.network
        spec, device = network.spec, self.processor.device
        image, conditions = _reference(network, batch, self.processor)
        side = spec.condition_size
        tensors, fresh = [conditions, *network.encode(image, conditions)], [0]
        if spec.history:
            fresh.append(len(tensors))
            tensors.append(torch.rand(batch, 3 * spec.history, side, side, device=device))
        if spec.takes_audio:
            tensors.append(torch.zeros(batch, AUDIO_SIZE, device=device))
        return FrameInputs(tuple(_planes_innermost(one) for one in tensors), tuple(fresh))

    @torch.no_grad()
    def frame_macs(self) -> int:
        """Multiply-accumulates of one frame."""
        inputs = self.inputs(1).tensors
        return count_macs(self.graph, lambda: self.graph(*inputs))

    def bytes_moved(self, batch: int) -> int:
        """That a run cannot do without: what the frame's layers weigh, inputs and pictures."""
        spec, parts = self.network.spec, self.graph.network
        weights = count_bytes(parts) - sum(
            count_bytes(part) for name, part in parts.named_children() if name in _OF_REFERENCES
        )
        inputs = sum(one.numel() * one.element_size() for one in self.inputs(1).tensors)
        return weights + batch * (inputs + 4 * 3 * spec.size**2)


def _reference(
    network: GeneratorNetwork, batch: int, processor: Processor
) -> tuple[Tensor, Tensor]:
    spec, device = network.spec, processor.device
    image = torch.rand(batch, 3, spec.size, spec.size, device=device) * 2 - 1
    side = spec.condition_size
    conditions = torch.rand(batch, spec.condition_channels, side, side, device=device) * 0.2
    return _planes_innermost(image), _planes_innermost(conditions)


def _planes_innermost(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
