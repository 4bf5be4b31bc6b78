"""Spatially adaptive normalisation (SPADE, Park et al. 2019) and its AdaIN sibling.

HeadGAN's figure 9: blocks like SPADE's residual blocks without the residual, twice
(normalise and modulate, leaky ReLU, conv 3 x 3), always with as many channels out as in.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

AUDIO_SIZE = 300
"""Audio features of a frame (HeadGAN 3.2)."""

_SLOPE = 0.2


class Spade(nn.Module):
    """norm(x) * (1 + gamma(m)) + beta(m), gamma and beta by 3 x 3 convolutions.

    MACs a pixel: 9 H (M + 2 C) for M planes of modulation, H hidden and C channels.
    """

    def __init__(self, channels: int, modulation: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.hidden = nn.Conv2d(modulation, hidden, 3, padding=1)
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        hidden = functional.relu(self.hidden(modulation))
        y: Tensor = self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)
        return y


class SpadeBlock(nn.Module):
    """Figure 9 (a): (B, C, h, w) modulated by (B, M, h, w)."""

    def __init__(self, channels: int, modulation: int, hidden: int) -> None:
        super().__init__()
        self.first = Spade(channels, modulation, hidden)
        self.first_conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = Spade(channels, modulation, hidden)
        self.second_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        x = self.first_conv(functional.leaky_relu(self.first(x, modulation), _SLOPE))
        y: Tensor = self.second_conv(functional.leaky_relu(self.second(x, modulation), _SLOPE))
        return y


class AdaptiveInstanceNorm(nn.Module):
    """norm(x) * (1 + gamma(a)) + beta(a), gamma and beta linear in the audio features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._channels = channels
        self.norm = nn.InstanceNorm2d(channels)
        self.style = nn.Linear(AUDIO_SIZE, 2 * channels)

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        # By a whole number, not `chunk`: a traced graph then holds its shapes as constants.
        gamma, beta = self.style(audio)[:, :, None, None].split(self._channels, 1)
        y: Tensor = self.norm(x) * (1 + gamma) + beta
        return y


class AdaInBlock(nn.Module):
    """Figure 9 (b): (B, C, h, w) modulated by audio features (B, 300)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = AdaptiveInstanceNorm(channels)
        self.first_conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = AdaptiveInstanceNorm(channels)
        self.second_conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, audio: Tensor) -> Tensor:
        x = self.first_conv(functional.leaky_relu(self.first(x, audio), _SLOPE))
        y: Tensor = self.second_conv(functional.leaky_relu(self.second(x, audio), _SLOPE))
        return y


class ConvolutionalEncoder(nn.Module):
    """The three convolutions that both of HeadGAN's networks begin with.

    7 x 7 conv     Inst. Norm.  ReLU    (S, S, c1)
    3 x 3 conv /2  Inst. Norm.  ReLU    (S/2, S/2, c2)
    3 x 3 conv /2  Inst. Norm.  ReLU    (S/4, S/4, c3)
    """

    def __init__(self, planes: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(planes, widths[0], 7, padding=3)
        self.second = nn.Conv2d(widths[0], widths[1], 3, stride=2, padding=1)
        self.third = nn.Conv2d(widths[1], widths[2], 3, stride=2, padding=1)
        self.norms = nn.ModuleList(nn.InstanceNorm2d(width) for width in widths)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, planes, S, S) -> features at S, S/2 and S/4."""
        first = torch.relu(self.norms[0](self.first(x)))
        second = torch.relu(self.norms[1](self.second(first)))
        third = torch.relu(self.norms[2](self.third(second)))
        return first, second, third
