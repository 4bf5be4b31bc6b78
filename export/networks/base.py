"""`base`: HeadGAN's generator (Doukas et al. 2021), tables 4 and 5, for a GPU; `base-half`: with
7/16 of its channels.

    Dense flow network F (table 4)          modulated by
    input (256, 256, 6)                     [y_ref, x_ref]
    7x7 conv-32    IN ReLU  (256, 256, 32)  h1
    3x3 conv-128   IN ReLU  (128, 128, 128) h2
    3x3 conv-512   IN ReLU  (64, 64, 512)   h3
    SPADE block x 3         (64, 64, 512)   x_{t-k:t}
    PixelShuffle            (128, 128, 128)
    SPADE block             (128, 128, 128) x_{t-k:t}
    PixelShuffle            (256, 256, 32)
    7x7 conv-2              (256, 256, 2)   w_t, the flow

    Rendering network R (table 5)
    input (256, 256, 9)                     x_{t-k:t}
    7x7 conv-32, 3x3 conv-128, 3x3 conv-512 as above
    SPADE, AdaIN block      (64, 64, 512)   warped h3, audio
    PixelShuffle            (128, 128, 128)
    SPADE, AdaIN block      (128, 128, 128) warped h2, audio
    PixelShuffle            (256, 256, 32)
    SPADE, AdaIN block      (256, 256, 32)  warped h1, audio
    SPADE block             (256, 256, 32)  warped y_ref
    LReLU 7x7 conv-3 tanh   (256, 256, 3)

x is pncc (3 planes), x_{t-k:t} the driving frame's and those of the past k = 2 (9 planes). What
depends on the reference alone, the encoder of F, is `encode`. The paper is silent on three
points: the flow is in image units and unbounded, as the other networks here have it; x_{t-k:t}
is brought to a SPADE layer's size by averaging; warped features are sampled at the flow averaged
to their size. 212 GMACs a frame without that encoder, 39 M parameters (`tests/test_network_base`).

`base-half` has 14, 56 and 224 channels where `base` has 32, 128 and 512, and 56 hidden channels of
SPADE for its 128: 41 GMACs, 7.7 M parameters. A bundle of it in float16 takes under 16 MB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.interface import Generated, GeneratorNetwork, NetworkSpec
from export.networks.spade import (
    AUDIO_SIZE,
    AdaInBlock,
    ConvolutionalEncoder,
    SpadeBlock,
)
from export.networks.warping import warp
from shared.channel import Channel

_PNCC = 3


@dataclass(frozen=True, slots=True)
class BaseConfig:
    """Sizes; the defaults are the paper's."""

    size: int = 256
    widths: tuple[int, int, int] = (32, 128, 512)
    """Channels at S, S/2 and S/4; each a quarter of the next, as PixelShuffle makes them."""

    spade_hidden: int = 128
    """Channels between a modulation input and its gamma and beta."""

    history: int = 2
    """k."""


BASE_HALF = BaseConfig(widths=(14, 56, 224), spade_hidden=56)
"""Of `base-half`."""


class FlowDecoder(nn.Module):
    """The second half of F: the flow, guided by the driving conditions."""

    def __init__(self, config: BaseConfig, planes: int) -> None:
        super().__init__()
        widths, hidden = config.widths, config.spade_hidden
        self.blocks = nn.ModuleList(SpadeBlock(widths[2], planes, hidden) for _ in range(3))
        self.block_half = SpadeBlock(widths[1], planes, hidden)
        self.leave = nn.Conv2d(widths[0], 2, 7, padding=3)
        nn.init.normal_(self.leave.weight, std=1e-4)  # begins as no motion

    def forward(self, h3: Tensor, conditions: Tensor) -> Tensor:
        """(B, 512, 64, 64), (B, 9, 256, 256) -> flow (B, 2, 256, 256), image units."""
        quarter = functional.avg_pool2d(conditions, 4)
        x = h3
        for block in self.blocks:
            x = block(x, quarter)
        x = functional.pixel_shuffle(x, 2)
        x = self.block_half(x, functional.avg_pool2d(conditions, 2))
        flow: Tensor = self.leave(functional.pixel_shuffle(x, 2))
        return flow.float()


class RenderingNetwork(nn.Module):
    """R: the picture, from conditions, warped features and audio."""

    def __init__(self, config: BaseConfig, planes: int) -> None:
        super().__init__()
        widths, hidden = config.widths, config.spade_hidden
        self.encoder = ConvolutionalEncoder(planes, widths)
        self.spade = nn.ModuleList(SpadeBlock(width, width, hidden) for width in widths)
        self.audio = nn.ModuleList(AdaInBlock(width) for width in widths)
        self.spade_picture = SpadeBlock(widths[0], 3, hidden)
        self.leave = nn.Conv2d(widths[0], 3, 7, padding=3)

    def forward(
        self, conditions: Tensor, warped: Sequence[Tensor], picture: Tensor, audio: Tensor
    ) -> Tensor:
        """(B, 9, 256, 256), warped h1, h2, h3 and y_ref, (B, 300) -> (B, 3, 256, 256)."""
        x = self.encoder(conditions)[2]
        for level in (2, 1, 0):
            x = self.audio[level](self.spade[level](x, warped[level]), audio)
            if level > 0:
                x = functional.pixel_shuffle(x, 2)
        x = functional.leaky_relu(self.spade_picture(x, picture), 0.2)
        return torch.tanh(self.leave(x).float())


class Base(GeneratorNetwork):
    """The whole generator: G = (F, R)."""

    def __init__(self, config: BaseConfig | None = None, *, name: str = "base") -> None:
        super().__init__()
        config = config or BaseConfig()
        self.config = config
        self.spec = NetworkSpec(
            name=name,
            size=config.size,
            channels=(Channel.PNCC,),
            condition_size=config.size,
            history=config.history,
            takes_audio=True,
            features=("image", "h1", "h2", "h3"),
        )
        planes = _PNCC * (1 + config.history)
        self.encoder = ConvolutionalEncoder(3 + _PNCC, config.widths)
        self.flow = FlowDecoder(config, planes)
        self.rendering = RenderingNetwork(config, planes)

    def encode(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        h1, h2, h3 = self.encoder(torch.cat([image, conditions], 1))
        return image, h1, h2, h3

    def generate(
        self,
        conditions: Tensor,
        features: Sequence[Tensor],
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        image, h1, h2, h3 = features
        if self.config.history:
            assert past_pncc is not None
            conditions = torch.cat([conditions, past_pncc], 1)
        if audio is None:
            audio = conditions.new_zeros(conditions.shape[0], AUDIO_SIZE)
        flow = self.flow(h3, conditions)
        halves = [flow, functional.avg_pool2d(flow, 2), functional.avg_pool2d(flow, 4)]
        warped = [warp(h, half) for h, half in zip((h1, h2, h3), halves, strict=True)]
        picture = warp(image, flow)
        generated = self.rendering(conditions, warped, picture, audio)
        return Generated(image=generated, warped=picture, mask=None, flow=flow)
