"""`lite`: the generator for one CPU core.

The mesh tells where every visible point of the head was in the reference; the network corrects
that (hair, neck, shoulders, lips over teeth), says what the reference does not show and paints
it. Everything that moves pixels is a warp; everything that is painted goes through SliderGAN's
mask:

    image = mask * painted + (1 - mask) * warped                            (SliderGAN Eq. 4)

    reference, once           image 256, its own conditions
      U-Net 128-64-32-16  ->  appearance (A, 64, 64)   warped by the flow
                              still      (T, 64, 64)   not warped: what lies behind the head
                              code       (K, 64, 64)   warped by the mesh alone, for the motion
                              detail     (D, 128, 128) warped by the flow
                              still_detail (H, 128, 128) not warped
                              image      (3, 256, 256) warped by the flow

    frame                     conditions (9, h, h), h = 128 or 64
      motion  64-32-16-32-64  [conditions, warp(code, mesh), still] -> residual flow, occlusion
      flow                    mesh displacement + residual; 64 -> 128 -> 256 bilinear
      body    64              [motion features, warp(appearance) * occlusion, still]
      head    128             PixelShuffle(body) + warp(detail) + still_detail + down(warp(image))
                              -> 16 planes -> PixelShuffle -> RGB and mask at 256

No convolution has its output at 256: what the last one computes at 128 is shuffled up, and the
warped picture comes in by 2 x 2 blocks, so that nothing is lost. Channel counts are multiples of
16, the block that ONNX Runtime's convolutions work in; there is no normalisation, so a frame
depends on no batch and costs nothing beside convolutions.

With the default sizes a frame takes 0.84 GMACs, a reference 1.79; 1.9 M parameters
(`tests/test_network_lite.py` writes the counts out).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.interface import Generated, GeneratorNetwork, NetworkSpec
from export.networks.warping import join, upsample, warp
from shared.conditions import ALL_CHANNELS, CHANNEL_SIZES, Channel

_GRID = 64
"""Side at which motion is predicted."""

_RESIDUAL_UNIT = 0.1
"""Image units (12.8 px of 256) of flow that an output of 1 means."""

_MASK_BIAS = -1.0
"""The mask, (1 + tanh) / 2, starts at 0.12: the picture begins as the warp, and painting grows
where it pays."""


@dataclass(frozen=True, slots=True)
class LiteConfig:
    """Sizes; the defaults are what is shipped."""

    condition_size: int = 128
    """128 resolves an iris into a few cells; 64 does not, and costs 0.2 ms less."""

    channels: tuple[Channel, ...] = ALL_CHANNELS
    appearance: int = 48
    still: int = 16
    code: int = 16
    detail: int = 16
    motion: tuple[int, int, int] = (32, 48, 96)
    """Widths at 64, 32 and 16."""

    motion_blocks: tuple[int, int, int] = (0, 1, 1)
    """Residual blocks at 64, 32 (on either way) and 16."""

    body: int = 64
    body_blocks: int = 1
    head: int = 32
    head_convolutions: int = 1
    encoder: tuple[int, int, int, int] = (32, 64, 96, 128)
    """Widths at 128, 64, 32 and 16."""


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), both 3 x 3; 18 w^2 MACs a pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        # Begins as the identity, which stands in for normalisation.
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(_bias(self.second))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(functional.relu(self.first(x)))
        return x + y


class Down(nn.Module):
    """relu(conv 3 x 3 of stride 2), then residual blocks."""

    def __init__(self, width_in: int, width_out: int, blocks: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width_out, 3, stride=2, padding=1)
        self.blocks = _blocks(width_out, blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(functional.relu(self.conv(x)))
        return y


class Up(nn.Module):
    """relu(skip + PixelShuffle(conv 1 x 1)), then residual blocks."""

    def __init__(self, width_in: int, width_out: int, blocks: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, 4 * width_out, 1)
        self.blocks = _blocks(width_out, blocks)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        y: Tensor = self.blocks(functional.relu(functional.pixel_shuffle(self.conv(x), 2) + skip))
        return y


class ReferenceEncoder(nn.Module):
    """Features of a reference: a U-Net over the picture, which may look behind the head."""

    def __init__(self, config: LiteConfig, condition_channels: int) -> None:
        super().__init__()
        at_128, at_64, at_32, at_16 = config.encoder
        self._condition_scale = 128 // config.condition_size
        self.enter = nn.Conv2d(12 + condition_channels, at_128, 3, padding=1)
        self.block_128 = ResidualBlock(at_128)
        self.down_64 = Down(at_128, at_64, 1)
        self.down_32 = Down(at_64, at_32, 1)
        self.down_16 = Down(at_32, at_16, 2)
        self.up_32 = Up(at_16, at_32, 1)
        self.up_64 = Up(at_32, at_64, 1)
        self.features = nn.Conv2d(at_64, config.appearance + config.still + config.code, 1)
        self._split = [config.appearance, config.still, config.code]
        details = config.detail + config.head
        self.deep_detail = nn.Conv2d(at_64, 4 * details, 1)
        self.detail = nn.Conv2d(at_128, details, 1)
        self._split_details = [config.detail, config.head]

    def forward(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        """(R, 3, 256, 256), (R, C, h, h) -> appearance, still, code, detail, still_detail."""
        if self._condition_scale > 1:
            conditions = upsample(conditions, self._condition_scale)
        x = join(functional.pixel_unshuffle(image, 2), conditions)
        x_128 = self.block_128(functional.relu(self.enter(x)))
        x_64 = self.down_64(x_128)
        x_32 = self.down_32(x_64)
        x_64 = self.up_64(self.up_32(self.down_16(x_32), x_32), x_64)
        appearance, still, code = self.features(x_64).split(self._split, 1)
        detail = self.detail(x_128) + functional.pixel_shuffle(self.deep_detail(x_64), 2)
        return appearance, still, code, *detail.split(self._split_details, 1)


class MotionNetwork(nn.Module):
    """Residual flow (2) and occlusion (1) at 64, and the features they came from."""

    def __init__(self, config: LiteConfig, condition_channels: int) -> None:
        super().__init__()
        at_64, at_32, at_16 = config.motion
        on_64, on_32, on_16 = config.motion_blocks
        stride = config.condition_size // _GRID
        self.enter = nn.Conv2d(condition_channels, at_64, 3, stride=stride, padding=1)
        self.join = nn.Conv2d(at_64 + config.code + config.still, at_64, 1)
        self.blocks = _blocks(at_64, on_64)
        self.down_32 = Down(at_64, at_32, on_32)
        self.down_16 = Down(at_32, at_16, on_16)
        self.up_32 = Up(at_16, at_32, on_32)
        self.up_64 = Up(at_32, at_64, on_64)
        self.leave = nn.Conv2d(at_64, 3, 3, padding=1)
        nn.init.zeros_(self.leave.weight)  # the mesh alone, to begin with
        nn.init.zeros_(_bias(self.leave))

    def forward(
        self, conditions: Tensor, code: Tensor, still: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> residual (B, 2, 64, 64) image units, occlusion (B, 1, 64, 64), features."""
        x = functional.relu(self.enter(conditions))
        x = functional.relu(self.join(join(x, code, still)))
        x_64 = self.blocks(x)
        x_32 = self.down_32(x_64)
        features = self.up_64(self.up_32(self.down_16(x_32), x_32), x_64)
        residual, occlusion = self.leave(features).float().split([2, 1], 1)
        return residual * _RESIDUAL_UNIT, torch.sigmoid(occlusion + 2.0), features


class Lite(GeneratorNetwork):
    """The whole generator."""

    def __init__(self, config: LiteConfig | None = None) -> None:
        super().__init__()
        config = config or LiteConfig()
        self.config = config
        self.spec = NetworkSpec(
            name="lite",
            size=256,
            channels=config.channels,
            condition_size=config.condition_size,
            history=0,
            takes_audio=False,
            features=("image", "appearance", "still", "code", "detail", "still_detail"),
        )
        planes = self.spec.condition_channels
        self._flow = _planes_of(Channel.DISPLACEMENT, config.channels)
        self.encoder = ReferenceEncoder(config, planes)
        self.motion = MotionNetwork(config, planes)
        joined = config.motion[0] + config.appearance + config.still
        self.join = nn.Conv2d(joined, config.body, 1)
        self.body = _blocks(config.body, config.body_blocks)
        self.from_body = nn.Conv2d(config.body // 4, config.head, 1)
        self.from_detail = nn.Conv2d(config.detail, config.head, 1)
        self.from_picture = nn.Conv2d(3, config.head, 2, stride=2)
        self.head = nn.ModuleList(
            nn.Conv2d(config.head, config.head, 3, padding=1)
            for _ in range(config.head_convolutions)
        )
        self.leave = nn.Conv2d(config.head, 16, 3, padding=1)
        nn.init.constant_(_bias(self.leave)[12:], _MASK_BIAS)

    def encode(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        return (image, *self.encoder(image, conditions))

    def generate(
        self,
        conditions: Tensor,
        features: Sequence[Tensor],
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        image, appearance, still, code, detail, still_detail = features
        mesh = conditions[:, self._flow]
        scale = self.config.condition_size // _GRID
        mesh_64 = functional.avg_pool2d(mesh, scale) if scale > 1 else mesh
        residual, occlusion, motion = self.motion(conditions, warp(code, mesh_64), still)
        flow_64 = mesh_64 + residual
        flow_128 = mesh + upsample(residual, 2) if scale > 1 else upsample(flow_64, 2)
        warped = warp(image, upsample(flow_128, 2))
        x = join(motion, warp(appearance, flow_64) * occlusion, still)
        x = self.body(functional.relu(self.join(x)))
        # A 1 x 1 convolution of planes side by side, as a sum: nothing is copied together.
        x = self.from_body(functional.pixel_shuffle(x, 2)) + still_detail
        x = functional.relu(
            x + self.from_detail(warp(detail, flow_128)) + self.from_picture(warped)
        )
        for convolution in self.head:
            x = functional.relu(convolution(x))
        planes = torch.tanh(functional.pixel_shuffle(self.leave(x), 2).float())
        painted, mask = planes[:, :3], planes[:, 3:] * 0.5 + 0.5
        blended = warped + mask * (painted - warped)
        return Generated(image=blended, warped=warped, mask=mask, painted=painted)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _planes_of(channel: Channel, channels: Sequence[Channel]) -> slice:
    """Where the planes of one channel lie."""
    start = sum(CHANNEL_SIZES[name] for name in channels[: list(channels).index(channel)])
    return slice(start, start + CHANNEL_SIZES[channel])
