"""What a processor can do at best: matrix products and copies, measured."""

from statistics import median

import torch

from export.networks.number_format import torch_type
from export.speed.processor import Processor
from shared.number_format import NumberFormat

_GPU_SIDE, _CPU_SIDE = 8192, 1024
"""Of square matrices; large enough that nothing but the arithmetic counts."""

_GPU_COPY_BYTES, _CPU_COPY_BYTES = 2**30, 2**27
"""Far beyond any cache."""


def matrix_tflops(processor: Processor, number_format: NumberFormat, *, seconds: float) -> float:
    """10^12 operations a second of a large matrix product, two for each multiply-accumulate."""
    side = _GPU_SIDE if processor.is_gpu else _CPU_SIDE
    wanted = torch_type(number_format)
    first, second = (torch.randn(side, side, device=processor.device).to(wanted) for _ in range(2))
    out = torch.empty_like(first)
    ms = median(processor.times_ms(lambda: torch.matmul(first, second, out=out), seconds=seconds))
    return 2 * side**3 / ms / 1e9


def copy_gbps(processor: Processor, *, seconds: float) -> float:
    """10^9 bytes a second, read and written ones together, of a large copy."""
    size = _GPU_COPY_BYTES if processor.is_gpu else _CPU_COPY_BYTES
    source = torch.ones(size // 4, device=processor.device)
    target = torch.empty_like(source)
    ms = median(processor.times_ms(lambda: target.copy_(source), seconds=seconds))
    return 2 * size / ms / 1e6
