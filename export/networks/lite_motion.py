"""The network by which `lite` decides where pixels come from."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.blocks import Down, Up
from export.networks.lite_config import LiteConfig
from export.networks.normed import NormedConv
from export.networks.warping import join

GRID = 64
"""Side at which motion is predicted."""

LAYERS = 3
SMALL_PLANES = 4
"""RGB and person."""

_RESIDUAL_UNIT = 0.1
"""Image units (12.8 px of 256) of flow that an output of 1 means."""


class MotionNetwork(nn.Module):
    """Where pixels come from: a residual flow, what of it is occluded, and the layers' weights."""

    def __init__(self, config: LiteConfig, condition_channels: int) -> None:
        super().__init__()
        at_64, at_32, at_16 = config.motion
        on_64, on_32, on_16 = config.motion_blocks
        stride = config.condition_size // GRID
        self.enter = NormedConv(condition_channels, at_64, 3, stride=stride, padding=1)
        self.enter_layers = NormedConv(LAYERS * SMALL_PLANES, at_64, 4, stride=2, padding=1)
        self.join = NormedConv(at_64 + config.code + config.rest, at_64, 1)
        self.down_32 = Down(at_64, at_32, on_32)
        self.down_16 = Down(at_32, at_16, on_16)
        self.up_32 = Up(at_16, at_32, on_32)
        self.up_64 = Up(at_32, at_64, on_64)
        self.leave = nn.Conv2d(at_64, 3 + 4 * LAYERS, 3, padding=1)

    def forward(
        self, conditions: Tensor, layers: Tensor, code: Tensor, rest: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """-> residual (B, 2, 64, 64) image units, occlusion (B, 1, 64, 64), weights
        (B, 3, 128, 128) that sum to 1, features.

        `layers` (B, 12, 128, 128): RGB and person of moved, carried and still.
        """
        x = functional.relu(self.enter(conditions) + self.enter_layers(layers))
        x_64 = functional.relu(self.join(join(x, code, rest)))
        x_32 = self.down_32(x_64)
        features = self.up_64(self.up_32(self.down_16(x_32), x_32), x_64)
        residual, occlusion, logits = self.leave(features).float().split([2, 1, 4 * LAYERS], 1)
        # A softmax, by operators that need no other order of planes: 1 ms less a frame.
        powers = functional.pixel_shuffle(logits, 2).clamp(-20, 20).exp()
        weights = powers / powers.sum(1, keepdim=True)
        return residual * _RESIDUAL_UNIT, torch.sigmoid(occlusion + 2.0), weights, features
