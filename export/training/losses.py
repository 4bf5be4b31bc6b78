"""The losses of HeadGAN's Eq. 3-9.

    L_G  = L_adv + 50 L1 + 10 L_P + 10 L_FM + 50 L1(warped) + 10 L_P(warped)          (8)
           + 50 L1(painted), where the network blends (SliderGAN Eq. 4)
           + 3 log MSE + 3 log MSE(warped), both beside the face
    L_D  = hinge                                                                     (4, 5, 9)

L_P stands where the paper has VGG features, whose weights cannot be had: differences of a
face-recognition network's early layers on the aligned face, and of picture gradients at four
scales over the whole picture. Terms of other magnitude than VGG's would change what the weights
mean, so L_P and L_FM are rescaled once, by their mean over the first batches: weighted, L_FM starts
as large as L1, as in the paper, and L_P half as large, since with more the mask stayed shut.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from export.networks.discriminators import MOUTH_SIZE, Verdict
from export.networks.interface import Generated
from export.training.recognition import RecognitionNetwork, align_faces

L1_WEIGHT, PERCEPTUAL_WEIGHT, MATCHING_WEIGHT = 50.0, 10.0, 10.0
PAINTED_WEIGHT = 50.0
"""Of L1 of the painted picture before blending, which no paper has: without it the mask closes
while painting is still bad (0.1 % after 600 samples), and what it hides is never learnt."""

ERROR_WEIGHT = 3.0
"""Of the logarithm of the mean squared error beside the face, which no paper has and PSNR is made
of. There nothing tells whether hair or a shoulder moved: L1 wants one of two places, squares want
their mean, and a logarithm lets no clip of large motion outweigh the others. The face itself, a
fourteenth of the error, the mean only blurred: its sharpness fell from 0.85 to 0.82 of the true."""

_LEAST_ERROR = 1e-4
"""Of squares in [-1, 1]: 46 dB, above which nothing is gained."""

FLOW_WEIGHT = 200.0
"""Of the distance to the measured flow, image units, which no paper has (`flow_teacher`)."""

_FLOW_SOFTNESS = 0.03
"""Image units (4 px of 256): nearer than this the distance counts by its square. By its length
alone most places, where the mesh is right already, would hold the rest still."""

_FACE_WEIGHT = 1.0
"""Added to 1 where the driving face is: it is looked at, and small."""

_GRADIENT_SCALES = 4
_GRADIENT_ELSEWHERE = 0.2
_CALIBRATION_STEPS = 16


@dataclass(frozen=True, slots=True, eq=False)
class PictureTerms:
    """Unweighted scalars of one batch, for the generated or the warped picture."""

    l1: Tensor
    recognition: Tensor
    gradient: Tensor


@dataclass(slots=True)
class LossScales:
    """Factors of terms that stand in for others; fixed after the first steps."""

    recognition: float = 0.0
    gradient: float = 0.0
    matching: float = 0.0
    steps: int = 0
    matching_steps: int = 0

    def learn(self, terms: PictureTerms) -> None:
        """Take in a batch, while calibrating: each half of L_P starts at a quarter of 50 L1."""
        if self.steps >= _CALIBRATION_STEPS:
            return
        self.steps += 1
        target = 0.25 * L1_WEIGHT / PERCEPTUAL_WEIGHT * _number(terms.l1)
        recognition, gradient = (
            target / _number(terms.recognition),
            target / _number(terms.gradient),
        )
        self.recognition += (recognition - self.recognition) / self.steps
        self.gradient += (gradient - self.gradient) / self.steps

    def learn_matching(self, matching: Tensor, l1: Tensor) -> None:
        """The same for the matching loss, when adversarial terms begin."""
        if self.matching_steps >= _CALIBRATION_STEPS:
            return
        self.matching_steps += 1
        target = L1_WEIGHT / MATCHING_WEIGHT * _number(l1) / _number(matching)
        self.matching += (target - self.matching) / self.matching_steps

    def picture_loss(self, terms: PictureTerms) -> Tensor:
        """50 L1 + 10 L_P."""
        perceptual = self.recognition * terms.recognition + self.gradient * terms.gradient
        return L1_WEIGHT * terms.l1 + PERCEPTUAL_WEIGHT * perceptual


class PictureMeasure:
    """Compares generated and warped pictures with the true ones."""

    def __init__(self, recognition: RecognitionNetwork) -> None:
        self._recognition = recognition

    def terms(
        self, generated: Generated, targets: Tensor, face: Tensor, alignments: Tensor
    ) -> tuple[PictureTerms, PictureTerms]:
        """Of the generated and of the warped picture, the latter's recognition left out, for time.

        `face` (B, 1, h, h) is 1 on the driving face, of any size.
        """
        pictures = torch.cat([generated.image, generated.warped])
        weight = 1 + _FACE_WEIGHT * functional.interpolate(face, targets.shape[-2:])
        weight = weight / weight.mean()
        l1 = ((pictures - targets.repeat(2, 1, 1, 1)).abs() * weight.repeat(2, 1, 1, 1)).flatten(1)
        gradient = gradient_difference(
            pictures, targets.repeat(2, 1, 1, 1), face.repeat(2, 1, 1, 1)
        )
        recognition = self._recognition_difference(generated, targets, alignments)
        first, second = (
            [part.mean() for part in values.mean(1).chunk(2)] for values in (l1, gradient[:, None])
        )
        return (
            PictureTerms(l1=first[0], gradient=second[0], recognition=recognition),
            PictureTerms(l1=first[1], gradient=second[1], recognition=first[1].new_zeros(())),
        )

    def _recognition_difference(
        self, generated: Generated, targets: Tensor, alignments: Tensor
    ) -> Tensor:
        """Mean difference over layers, relative to the true pictures' magnitude."""
        with torch.no_grad():
            wanted = self._recognition.features(align_faces(targets, alignments))
        found = self._recognition.features(align_faces(generated.image, alignments))
        differences = [
            (have - want).abs().float().mean() / want.float().abs().mean()
            for have, want in zip(found, wanted, strict=True)
        ]
        return torch.stack(differences).mean()


def flow_loss(flow: Tensor, flows: Tensor) -> Tensor:
    """Weighted distance of a flow (B, 2, h, h) to measured flows and weights (B, 3, 64, 64)."""
    if flow.shape[-1] > flows.shape[-1]:
        flow = functional.avg_pool2d(flow, flow.shape[-1] // flows.shape[-1])
    square = (flow - flows[:, :2]).square().sum(1, keepdim=True)
    distance = (square + _FLOW_SOFTNESS**2).sqrt() - _FLOW_SOFTNESS
    return FLOW_WEIGHT * (distance * flows[:, 2:]).mean()


def error_loss(pictures: Tensor, targets: Tensor, face: Tensor) -> Tensor:
    """Weighted mean of the logarithms of the pictures' mean squared errors beside the face.

    `face` (B, 1, h, h) is 1 on the driving face, of any size.
    """
    beside = functional.interpolate(1 - face.float(), pictures.shape[-2:])
    square = ((pictures.float() - targets).square() * beside).flatten(1).mean(1)
    return ERROR_WEIGHT * (square + _LEAST_ERROR).log().mean()


def painted_loss(generated: Generated, targets: Tensor) -> Tensor:
    """Weighted L1 of the painted picture; 0 for a network that does not blend."""
    if generated.painted is None:
        return targets.new_zeros(())
    return PAINTED_WEIGHT * (generated.painted - targets).abs().mean()


def gradient_difference(pictures: Tensor, targets: Tensor, face: Tensor) -> Tensor:
    """(B,) mean absolute difference of horizontal and vertical gradients over four scales.

    Weighted by `face` (B, 1, h, h) in [0, 1] and a little beside it: elsewhere (hair, what stands
    behind) edges cannot be where they were, and asking for them tears rather than sharpens.
    """
    total = pictures.new_zeros(pictures.shape[0])
    difference = pictures - targets
    for scale in range(_GRADIENT_SCALES):
        if scale:
            difference = functional.avg_pool2d(difference, 2)
        weight = _GRADIENT_ELSEWHERE + functional.adaptive_avg_pool2d(face, difference.shape[-1])
        across = (difference[..., 1:] - difference[..., :-1]).abs() * weight[..., 1:]
        down = (difference[..., 1:, :] - difference[..., :-1, :]).abs() * weight[..., 1:, :]
        total = total + across.flatten(1).mean(1) + down.flatten(1).mean(1)
    return total / (2 * _GRADIENT_SCALES)


def cut_mouths(pictures: Tensor, centres: Tensor) -> Tensor:
    """(B, 3, 64, 64) around centres (B, 2) in image coordinates, pixel for pixel."""
    scale = MOUTH_SIZE / pictures.shape[-1]
    transform = pictures.new_zeros(len(centres), 2, 3, dtype=torch.float32)
    transform[:, 0, 0] = transform[:, 1, 1] = scale
    transform[:, :, 2] = centres
    size = [len(centres), 3, MOUTH_SIZE, MOUTH_SIZE]
    grid = functional.affine_grid(transform, size, align_corners=False)
    return functional.grid_sample(
        pictures.float(), grid, padding_mode="border", align_corners=False
    )


def discriminator_loss(real: Verdict, generated: Verdict) -> Tensor:
    """Hinge (Eq. 4 and 5)."""
    on_real = functional.relu(1 - real.score.float()).mean()
    return on_real + functional.relu(1 + generated.score.float()).mean()


def adversarial_loss(generated: Verdict) -> Tensor:
    """The generator's share (Eq. 3)."""
    return -generated.score.float().mean()


def matching_loss(real: Verdict, generated: Verdict) -> Tensor:
    """L_FM: mean difference of the discriminator's features."""
    differences = [
        functional.l1_loss(have.float(), want.detach().float())
        for have, want in zip(generated.features, real.features, strict=True)
    ]
    return torch.stack(differences).mean()


def _number(value: Tensor) -> float:
    return max(value.detach().item(), 1e-6)
