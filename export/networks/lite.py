"""`lite`: the generator for one CPU core.

The mesh tells where every visible point of the head was in the reference. Beside the head it can
only guess: hair follows the head, a wall does not, shoulders do a little. So a picture is blended
of three layers of the reference, by weights that the network predicts for every pixel:

    moved     warped by the mesh's displacement plus a residual flow
    carried   warped by the head's motion as one affine map, which hair follows; at half size
    still     as it is: what stands behind the head

What none of them shows is painted, through SliderGAN's mask:

    image = mask * painted + (1 - mask) * blended                           (SliderGAN Eq. 4)

The network sees the layers themselves, at half size, before it weighs them, and of the reference
which pixels are of a person (`PersonNetwork`, trained by others on many more people than these
clips have, and frozen: without it the same training gave 0.2 dB less on unseen people).

    reference, once           image 256, its own conditions
      PersonNetwork       ->  small (4, 128, 128)      RGB and person, at half size
      U-Net 128-64-32-16  ->  appearance (A, 64, 64)   warped by the flow
                              rest       (T, 64, 64)   not warped: what lies behind the head
                              code       (K, 64, 64)   warped by the mesh alone, for the motion
                              detail     (D, 128, 128) warped by the flow
                              rest_detail (H, 128, 128) not warped
                              image      (3, 256, 256) the layers' pixels

    frame                     conditions (9, h, h), h = 128 or 64
      motion  64-32-16-32-64  [conditions, three small layers, warp(code, mesh), rest]
                              -> residual flow, occlusion (64), weights of the layers (128)
      body    64              [motion features, warp(appearance) * occlusion, rest]
      head    128             PixelShuffle(body) + warp(detail) + rest_detail + down(blended)
                              -> 16 planes -> PixelShuffle -> RGB and mask at 256

What is painted adds to the blended picture's own blur, so that painting begins as no worse than
that. No convolution has its output at 256: what the last one computes at 128 is shuffled up, and
the blended picture comes in by 2 x 2 blocks, so that nothing is lost. Channel counts are multiples
of 16, the block that ONNX Runtime's convolutions work in; normalisation is folded into them, so a
frame depends on no batch and costs nothing beside convolutions.

With the default sizes a frame takes 0.83 GMACs, a reference 1.86;
2.2 M parameters (`tests/test_network_lite.py` writes the counts out).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from export.networks.affine_motion import AffineMotion
from export.networks.interface import Generated, GeneratorNetwork, NetworkSpec, Preview
from export.networks.lite_config import LiteConfig
from export.networks.lite_encoder import ReferenceEncoder
from export.networks.lite_motion import GRID, MotionNetwork
from export.networks.normed import NormedConv
from export.networks.person import PERSON_NOTICE, PersonNetwork
from export.networks.warping import join, upsample, warp
from shared.channel import Channel

_DISPLACEMENT_GAIN = 3.0
"""Of the first weights that see displacements: those are a tenth of what other conditions are,
and tell most."""

_MASK_BIAS = -1.0
"""The mask, (1 + tanh) / 2, starts at 0.12: the picture begins as the layers', and painting grows
where it pays."""

_LAYER_BIASES = (1.5, -1.0, 0.0)
"""Of the weights before their softmax, for moved, carried and still: 0.77, 0.06, 0.17."""

_BLUR = 4
"""Side in pixels of the blocks whose means painting begins with."""


class Lite(GeneratorNetwork):
    """The whole generator."""

    notice = PERSON_NOTICE

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
            features=("image", "small", "appearance", "rest", "code", "detail", "rest_detail"),
        )
        planes = self.spec.condition_channels
        self._flow = self.spec.planes(Channel.DISPLACEMENT)
        self._masks = self.spec.planes(Channel.MASK)
        self.encoder = ReferenceEncoder(config, planes)
        self.motion = MotionNetwork(config, planes)
        self.head_motion = AffineMotion(GRID)
        joined = config.motion[0] + config.appearance + config.rest
        self.join = NormedConv(joined, config.body, 1)
        self.from_body = nn.Conv2d(config.body // 4, config.head, 1)
        self.from_detail = nn.Conv2d(config.detail, config.head, 1)
        self.from_picture = nn.Conv2d(3, config.head, 2, stride=2)
        self.head = nn.ModuleList(
            NormedConv(config.head, config.head, 3, padding=1)
            for _ in range(config.head_convolutions)
        )
        self.leave = nn.Conv2d(config.head, 16, 3, padding=1)
        _initialise(self)
        self.person = PersonNetwork.load()

    def encode(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        seen = torch.cat([image.float(), self.person(image)], 1)
        return (image, functional.avg_pool2d(seen, 2), *self.encoder(image, conditions))

    def generate(
        self,
        conditions: Tensor,
        features: Sequence[Tensor],
        past_pncc: Tensor | None = None,
        audio: Tensor | None = None,
    ) -> Generated:
        image, _, appearance, rest, _, detail, rest_detail = features
        motion = self._move(conditions, features)
        blended = _blend(
            upsample(motion.weights, 2),
            warp(image, upsample(motion.flow_128, 2)),
            upsample(motion.carried[:, :3], 2),
            image.float(),
        )
        x = join(motion.features, warp(appearance, motion.flow_64) * motion.occlusion, rest)
        x = functional.relu(self.join(x))
        # A 1 x 1 convolution of planes side by side, as a sum: nothing is copied together.
        x = self.from_body(functional.pixel_shuffle(x, 2)) + rest_detail
        x = functional.relu(
            x + self.from_detail(warp(detail, motion.flow_128)) + self.from_picture(blended)
        )
        for convolution in self.head:
            x = functional.relu(convolution(x))
        planes = torch.tanh(functional.pixel_shuffle(self.leave(x), 2).float())
        blurred = upsample(functional.avg_pool2d(blended, _BLUR), _BLUR)
        painted = (blurred + planes[:, :3]).clamp(-1, 1)
        mask = planes[:, 3:] * 0.5 + 0.5
        return Generated(
            image=blended + mask * (painted - blended),
            warped=blended,
            mask=mask,
            painted=painted,
            flow=motion.flow_64,
        )

    def preview(self, conditions: Tensor, features: Sequence[Tensor]) -> Preview:
        motion = self._move(conditions, features)
        small = features[1][:, :3]
        moved = warp(small, motion.flow_128)
        return Preview(_blend(motion.weights, moved, motion.carried[:, :3], small), motion.flow_64)

    def _move(self, conditions: Tensor, features: Sequence[Tensor]) -> "_Motion":
        _, small, _, rest, code = features[:5]
        scale = self.config.condition_size // GRID
        mesh = conditions[:, self._flow]
        seen = conditions[:, self._masks].sum(1, keepdim=True)
        mesh_64, seen = (functional.avg_pool2d(one, scale) for one in (mesh, seen))
        mesh_128 = mesh if scale > 1 else upsample(mesh, 2)
        carried = warp(small, upsample(self.head_motion(mesh_64, seen), 2))
        layers = torch.cat([warp(small, mesh_128), carried, small], 1)
        residual, occlusion, weights, planes = self.motion(
            conditions, layers, warp(code, mesh_64), rest
        )
        return _Motion(
            flow_64=mesh_64 + residual,
            flow_128=mesh_128 + upsample(residual, 2),
            carried=carried,
            occlusion=occlusion,
            weights=weights,
            features=planes,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    flow_64: Tensor
    """(B, 2, 64, 64) of the moved layer, image units."""

    flow_128: Tensor
    carried: Tensor
    """(B, 4, 128, 128) the carried layer of `small`."""

    occlusion: Tensor
    weights: Tensor
    """(B, 3, 128, 128) of moved, carried and still."""

    features: Tensor
    """(B, M, 64, 64)."""


def _blend(weights: Tensor, moved: Tensor, carried: Tensor, still: Tensor) -> Tensor:
    return weights[:, :1] * moved + weights[:, 1:2] * carried + weights[:, 2:] * still


def _initialise(network: Lite) -> None:
    """He's initialisation, under which planes keep their size through any number of layers.

    Without normalisation torch's own shrinks them by more than half a layer: the motion network
    then stood still through ten thousand samples. The residual flow begins at zero and the weights
    alike everywhere, so that the first picture is mostly the warp of the mesh.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(_bias(layer))
    network.motion.enter.weight.data[:, network._flow] *= _DISPLACEMENT_GAIN
    nn.init.zeros_(network.motion.leave.weight)
    biases = torch.tensor(_LAYER_BIASES).repeat_interleave(4)  # as PixelShuffle counts
    _bias(network.motion.leave).data[3:] = biases
    network.leave.weight.data *= 0.1
    nn.init.constant_(_bias(network.leave)[12:], _MASK_BIAS)


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
