"""Backward warping by a flow, as all generators here do it."""

import torch
from torch import Tensor
from torch.nn import functional


def pixel_centres(size: int, device: torch.device) -> Tensor:
    """(1, 2, size, size): x and y of pixel centres in image coordinates ([-1, 1], y down)."""
    line = (torch.arange(size, device=device, dtype=torch.float32) * 2 + 1) / size - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])[None]


def _centre_lines(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(1, 2, 1, size) x and 0 of each column, (1, 2, size, 1) 0 and y of each row."""
    centres = pixel_centres(size, device)
    x, y = centres[:, :1, :1], centres[:, 1:, :, :1]
    return torch.cat([x, torch.zeros_like(x)], 1), torch.cat([torch.zeros_like(y), y], 1)


def warp(planes: Tensor, flow: Tensor) -> Tensor:
    """Planes (B, C, h, w) sampled at each pixel centre plus flow (B, 2, h, w), image units.

    In float32 whatever the autocast: bfloat16 positions would jitter by a pixel. Beyond the
    border its value repeats, by positions that are kept inside rather than by the padding mode:
    ONNX Runtime 1.31 samples with padding "zeros" in 2 ns a value, with "border" in 18.
    """
    # Sides as whole numbers: a traced graph then holds columns and rows as constants. As one grid
    # they would be half a megabyte for each warp of a 256 x 256 picture.
    edge = 1 - 1 / int(planes.shape[-1])
    columns, rows = _centre_lines(int(flow.shape[-1]), flow.device)
    position = (flow.float() + columns + rows).clamp(-edge, edge)
    return functional.grid_sample(
        planes.float(),
        position.permute(0, 2, 3, 1),
        mode="bilinear",
        padding_mode="zeros",
        align_corners=False,
    )


def upsample(planes: Tensor, factor: int) -> Tensor:
    """Bilinear; positions stay where they are in image coordinates."""
    return functional.interpolate(
        planes, scale_factor=float(factor), mode="bilinear", align_corners=False
    )


def join(first: Tensor, *others: Tensor) -> Tensor:
    """Planes side by side, in the type of the first and with planes innermost.

    What is joined in mixed types and orders would be copied value by value: a quarter of the
    time of training.
    """
    alike = [first, *(other.to(first.dtype) for other in others)]
    return torch.cat([one.contiguous(memory_format=torch.channels_last) for one in alike], 1)
