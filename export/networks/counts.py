"""Sizes of networks: parameters, and multiply-accumulates by running them on shapes alone."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


def count_parameters(module: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_bytes(module: nn.Module) -> int:
    """Of all parameters, as they are stored."""
    return sum(one.numel() * one.element_size() for one in module.parameters())


def count_macs(module: nn.Module, run: Callable[[], Any]) -> int:
    """Multiply-accumulates of the convolutions and linear layers inside `module` during `run`.

    Element-wise work, normalisation and resampling are left out, as papers do. Cheapest on
    `torch.device("meta")`, where nothing is computed.
    """
    total = 0

    def add(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            area = layer.kernel_size[0] * layer.kernel_size[1]
            total += output.numel() * area * layer.in_channels // layer.groups
        elif isinstance(layer, nn.ConvTranspose2d):
            area = layer.kernel_size[0] * layer.kernel_size[1]
            total += given[0].numel() * area * layer.out_channels // layer.groups
        elif isinstance(layer, nn.Linear):
            total += output.numel() * layer.in_features

    handles = [
        layer.register_forward_hook(add)
        for layer in module.modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return total
