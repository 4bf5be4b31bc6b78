"""What `lite` computes once for each reference."""

from torch import Tensor, nn
from torch.nn import functional

from export.networks.blocks import Down, ResidualBlock, Up
from export.networks.lite_config import LiteConfig
from export.networks.normed import NormedConv
from export.networks.warping import join, upsample


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
        self.features = nn.Conv2d(at_64, config.appearance + config.rest + config.code, 1)
        self._split = [config.appearance, config.rest, config.code]
        details = config.detail + config.head
        self.deep_detail = nn.Conv2d(at_64, 4 * details, 1)
        self.detail = nn.Conv2d(at_128, details, 1)
        self._split_details = [config.detail, config.head]

    def forward(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        """(R, 3, 256, 256), (R, C, h, h) -> appearance, rest, code, detail, rest_detail."""
        if self._condition_scale > 1:
            conditions = upsample(conditions, self._condition_scale)
        x = join(functional.pixel_unshuffle(image, 2), conditions)
        x_128 = self.block_128(functional.relu(self.enter(x)))
        x_64 = self.down_64(x_128)
        x_32 = self.down_32(x_64)
        x_64 = self.up_64(self.up_32(self.down_16(x_32), x_32), x_64)
        appearance, rest, code = self.features(x_64).split(self._split, 1)
        detail = self.detail(x_128) + functional.pixel_shuffle(self.deep_detail(x_64), 2)
        return appearance, rest, code, *detail.split(self._split_details, 1)
