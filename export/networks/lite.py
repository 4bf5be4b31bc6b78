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
      motion  64-32-16-32-64  [conditions, warp(code, mesh), still]
                              -> residual flow, gates of mesh and head, occlusion
      flow                    gate x mesh displacement + gate x the head's affine motion + residual;
                              64 -> 128 -> 256 bilinear
      body    64              [motion features, warp(appearance) * occlusion, still]
      head    128             PixelShuffle(body) + warp(detail) + still_detail + down(warp(image))
                              -> 16 planes -> PixelShuffle -> RGB and mask at 256

No convolution has its output at 256: what the last one computes at 128 is shuffled up, and the
warped picture comes in by 2 x 2 blocks, so that nothing is lost. Channel counts are multiples of
16, the block that ONNX Runtime's convolutions work in; normalisation is folded into them, so a
frame depends on no batch and costs nothing beside convolutions.

With the default sizes a frame takes 0.88 GMACs, a reference 1.79; 2.1 M parameters
(`tests/test_network_lite.py` writes the counts out).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.interface import Generated, GeneratorNetwork, NetworkSpec
from export.networks.normed import NormedConv
from export.networks.warping import join, pixel_centres, upsample, warp
from shared.conditions import ALL_CHANNELS, CHANNEL_SIZES, Channel

_GRID = 64
"""Side at which motion is predicted."""

_RESIDUAL_UNIT = 0.1
"""Image units (12.8 px of 256) of flow that an output of 1 means."""

_BRANCH_GAIN = 0.2
"""Of residual branches in the beginning: small beside what they are added to."""

_DISPLACEMENT_GAIN = 3.0
"""Of the first weights that see displacements: those are a tenth of what other conditions are,
and tell most."""

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
    motion: tuple[int, int, int] = (32, 64, 128)
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
        self.blocks = _blocks(width_out, blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(functional.relu(self.conv(x)))
        return y


class Up(nn.Module):
    """relu(skip + PixelShuffle(conv 1 x 1)), then residual blocks."""

    def __init__(self, width_in: int, width_out: int, blocks: int) -> None:
        super().__init__()
        self.conv = NormedConv(width_in, 4 * width_out, 1)
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
        self.enter = NormedConv(12 + condition_channels, at_128, 3, padding=1)
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
        self.enter = NormedConv(condition_channels, at_64, 3, stride=stride, padding=1)
        self.join = NormedConv(at_64 + config.code + config.still, at_64, 1)
        self.blocks = _blocks(at_64, on_64)
        self.down_32 = Down(at_64, at_32, on_32)
        self.down_16 = Down(at_32, at_16, on_16)
        self.up_32 = Up(at_16, at_32, on_32)
        self.up_64 = Up(at_32, at_64, on_64)
        self.leave = nn.Conv2d(at_64, 5, 3, padding=1)

    def forward(
        self, conditions: Tensor, code: Tensor, still: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """-> residual (B, 2, 64, 64) image units, gates of mesh and head (B, 2, 64, 64),
        occlusion (B, 1, 64, 64), features."""
        x = functional.relu(self.enter(conditions))
        x = functional.relu(self.join(join(x, code, still)))
        x_64 = self.blocks(x)
        x_32 = self.down_32(x_64)
        features = self.up_64(self.up_32(self.down_16(x_32), x_32), x_64)
        residual, gates, occlusion = self.leave(features).float().split([2, 2, 1], 1)
        return residual * _RESIDUAL_UNIT, gates, torch.sigmoid(occlusion + 2.0), features


class AffineMotion(nn.Module):
    """The head's motion as one affine map of the picture, wherever the head is or is not.

    Hair, neck and shoulders follow the head more than the mesh's displacement, which fades a few
    cells beyond it, can say; the network chooses by a gate where, and how far.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        x, y = pixel_centres(side, torch.get_default_device()).flatten(2)[0]
        one = torch.ones_like(x)
        self.basis: Tensor
        self.products: Tensor
        self.register_buffer("basis", torch.stack([x, y, one]), persistent=False)
        self.register_buffer(
            "products", torch.stack([x * x, x * y, y * y, x, y, one]), persistent=False
        )
        self._side = side

    def forward(self, flow: Tensor, weight: Tensor) -> Tensor:
        """The affine flow (B, 2, h, h) nearest to flow (B, 2, h, h) under weight (B, 1, h, h).

        Least squares by the normal equations' cofactors, which any runtime can compute; a little
        damping makes it no motion where nothing is weighed.
        """
        # Sums, not matrix products: those would run in bfloat16 under autocast.
        cells = self._side**2
        weight = weight.float().reshape(-1, 1, cells)
        weight = weight / (weight.sum(2, keepdim=True) + 1.0)
        xx, xy, yy, sx, sy, n = (weight * self.products).sum(2).unbind(1)
        xx, yy, n = xx + 1e-3, yy + 1e-3, n + 1e-6
        weighted = flow.float().reshape(-1, 2, 1, cells) * weight[:, :, None]
        right = (weighted * self.basis).sum(3)  # (B, 2, 3)
        a, b, c = yy * n - sy * sy, sx * sy - xy * n, xy * sy - yy * sx
        d, e, f = xx * n - sx * sx, xy * sx - xx * sy, xx * yy - xy * xy
        determinant = (xx * a + xy * b + sx * c).clamp(min=1e-9)
        inverse = torch.stack([a, b, c, b, d, e, c, e, f], 1).reshape(-1, 1, 3, 3)
        coefficients = (right[:, :, None] * inverse).sum(3) / determinant[:, None, None]
        return (coefficients[..., None] * self.basis).sum(2).reshape(-1, 2, self._side, self._side)


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
        self._masks = _planes_of(Channel.MASK, config.channels)
        self.motion = MotionNetwork(config, planes)
        self.head_motion = AffineMotion(_GRID)
        joined = config.motion[0] + config.appearance + config.still
        self.join = NormedConv(joined, config.body, 1)
        self.body = _blocks(config.body, config.body_blocks)
        self.from_body = nn.Conv2d(config.body // 4, config.head, 1)
        self.from_detail = nn.Conv2d(config.detail, config.head, 1)
        self.from_picture = nn.Conv2d(3, config.head, 2, stride=2)
        self.head = nn.ModuleList(
            NormedConv(config.head, config.head, 3, padding=1)
            for _ in range(config.head_convolutions)
        )
        self.leave = nn.Conv2d(config.head, 16, 3, padding=1)
        _initialise(self)

    def encode(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        return (image, *self.encoder(image, conditions))

    def generate(
        self,
        conditions: Tensor,
        features: Sequence[Tensor],
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        image, appearance, still, _, detail, still_detail = features
        flow_64, flow_128, occlusion, motion = self._move(conditions, features)
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
        return Generated(image=blended, warped=warped, mask=mask, painted=painted, flow=flow_64)

    def move(self, conditions: Tensor, features: Sequence[Tensor]) -> Tensor:
        return self._move(conditions, features)[1]

    def _move(
        self, conditions: Tensor, features: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Flow at 64 and at 128, occlusion (B, 1, 64, 64), features of motion."""
        still, code = features[2:4]
        mesh = conditions[:, self._flow]
        scale = self.config.condition_size // _GRID
        mesh_64 = functional.avg_pool2d(mesh, scale) if scale > 1 else mesh
        residual, gates, occlusion, motion = self.motion(conditions, warp(code, mesh_64), still)
        of_mesh, of_head = 1 + gates[:, :1], gates[:, 1:]
        seen = conditions[:, self._masks].sum(1, keepdim=True)
        seen = functional.avg_pool2d(seen, scale) if scale > 1 else seen
        rest = of_head * self.head_motion(mesh_64, seen) + residual
        flow_64 = of_mesh * mesh_64 + rest
        flow_128 = (
            upsample(of_mesh, 2) * mesh + upsample(rest, 2) if scale > 1 else upsample(flow_64, 2)
        )
        return flow_64, flow_128, occlusion, motion


def _initialise(network: Lite) -> None:
    """He's initialisation, under which planes keep their size through any number of layers.

    Without normalisation torch's own shrinks them by more than half a layer: the motion network
    then stood still through ten thousand samples. The residual flow begins at zero, so that the
    first picture is the warp of the mesh alone.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(_bias(layer))
    network.motion.enter.weight.data[:, network._flow] *= _DISPLACEMENT_GAIN
    nn.init.zeros_(network.motion.leave.weight)
    network.leave.weight.data *= 0.1
    nn.init.constant_(_bias(network.leave)[12:], _MASK_BIAS)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _planes_of(channel: Channel, channels: Sequence[Channel]) -> slice:
    """Where the planes of one channel lie."""
    start = sum(CHANNEL_SIZES[name] for name in channels[: list(channels).index(channel)])
    return slice(start, start + CHANNEL_SIZES[channel])
