"""The number formats that a network runs in, by casts that stand in its graph.

    float32   convolution ------------------------------------------> float32
    float16   cast to float16 -> convolution, weights of float16 ---> float16
              cast to float32 -> instance normalisation ------------> cast to float16

Convolutions and linear layers, where nearly all work is, run in the narrow format. Statistics of
normalisation, flows, grids, positions of GridSample, and sums that the networks themselves take in
float32 stay there: a float16 position would be a quarter of a pixel off at the picture's rim, and
a mean over 65,536 places would lose its last bits. What comes in and goes out stays float32, so
that a bundle's tensors are the same in any format.
"""

from typing import Any

import torch
from torch import Tensor, nn

from export.networks.interface import GeneratorNetwork
from export.networks.person import PersonNetwork
from shared.number_format import NumberFormat

_TYPES = {
    NumberFormat.FLOAT32: torch.float32,
    NumberFormat.FLOAT16: torch.float16,
    NumberFormat.BFLOAT16: torch.bfloat16,
}


def torch_type(number_format: NumberFormat) -> torch.dtype:
    """Of weights and of what convolutions give."""
    return _TYPES[number_format]


def set_number_format(network: GeneratorNetwork, number_format: NumberFormat) -> None:
    """Fold a network and let it run in `number_format`, for good; float32 folds alone.

    The frozen person network stays in float32: it is small and runs once a reference.
    """
    network.fold()
    if number_format is NumberFormat.FLOAT32:
        return
    narrow = torch_type(number_format)
    frozen = {
        layer
        for part in network.modules()
        if isinstance(part, PersonNetwork)
        for layer in part.modules()
    }
    for layer in network.modules():
        if layer in frozen:
            continue
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.to(narrow)
            layer.register_forward_pre_hook(_Cast(narrow))
        elif isinstance(layer, nn.InstanceNorm2d):
            layer.register_forward_pre_hook(_Cast(torch.float32))
            layer.register_forward_hook(_CastBack(narrow))


class _Cast:
    """Of what a layer is given. A hook, so that weights keep their names."""

    def __init__(self, wanted: torch.dtype) -> None:
        self._wanted = wanted

    def __call__(self, _: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(one.to(self._wanted) for one in given)


class _CastBack:
    """Of what a layer gives."""

    def __init__(self, wanted: torch.dtype) -> None:
        self._wanted = wanted

    def __call__(self, _: nn.Module, __: Any, output: Tensor) -> Tensor:
        return output.to(self._wanted)
