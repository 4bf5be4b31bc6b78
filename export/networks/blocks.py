"""Blocks that U-Nets of 3 x 3 convolutions are made of."""

from torch import Tensor, nn
from torch.nn import functional

from export.networks.normed import NormedConv

_BRANCH_GAIN = 0.2
"""Of residual branches in the beginning: small beside what they are added to."""


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), both 3 x 3; 18 w^2 MACs a pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = NormedConv(width, width, 3, padding=1)
        self.second = NormedConv(width, width, 3, padding=1, gain=_BRANCH_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(functional.relu(self.first(x)))
        return x + y


class Down(nn.Module):
    """relu(conv 3 x 3 of stride 2), then residual blocks."""

    def __init__(self, width_in: int, width_out: int, blocks: int) -> None:
        super().__init__()
        self.conv = NormedConv(width_in, width_out, 3, stride=2, padding=1)
        self.blocks = residual_blocks(width_out, blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(functional.relu(self.conv(x)))
        return y


class Up(nn.Module):
    """relu(skip + PixelShuffle(conv 1 x 1)), then residual blocks."""

    def __init__(self, width_in: int, width_out: int, blocks: int) -> None:
        super().__init__()
        self.conv = NormedConv(width_in, 4 * width_out, 1)
        self.blocks = residual_blocks(width_out, blocks)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.blocks(functional.relu(functional.pixel_shuffle(self.conv(x), 2) + skip))
        return y


def residual_blocks(width: int, count: int) -> nn.Sequential:
    """`count` of them, one after another; none is the identity."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
