"""Numbers on people that were not trained on, always of the same frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.networks.interface import Generated
from export.training.batches import Batch, collate
from export.training.recognition import align_faces
from export.training.sampling import SampleMaker, SampleShape
from export.training.store import PreparedClip
from export.training.trainer import Trainer
from shared.face_model import FaceModel
from shared.reference_set import pose_expression_distance

_FRAMES_PER_CLIP = 8
_REFERENCES = (0.0, 0.2, 0.45, 0.7)
"""Where in a clip references are taken; like a call's, they serve later frames only."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the frames of validation, the nearest earlier reference given."""

    psnr_db: float
    warped_psnr_db: float
    """Of the warped picture before anything is painted."""

    l1: float
    """Levels of 255."""

    csim: float
    sharpness: float
    """Mean gradient magnitude inside the face over the true picture's; 1 is as sharp."""

    painted: float
    """Mean of the mask: how much is generated."""


class Validation:
    """A fixed set of references and driving frames of prepared clips."""

    def __init__(self, clips: Sequence[PreparedClip], model: FaceModel, shape: SampleShape) -> None:
        maker = SampleMaker(clips, model, shape, seed=0)
        self._batches = [
            collate(
                [maker.render(clip, 0, reference, [frame]) for frame, reference in _pairs(clip)]
            )
            for clip in clips
        ]

    def measure(self, trainer: Trainer) -> tuple[Scores, list[tuple[Batch, Generated]]]:
        """Scores of the averaged weights, and what they made of each clip."""
        rows, shown = [], []
        with torch.inference_mode():
            for pending in self._batches:
                batch = pending.to(trainer.device)
                generated = trainer.generate(trainer.average, batch)
                rows.append(_score(trainer, batch, generated))
                shown.append((batch, generated))
        return Scores(*np.concatenate(rows).mean(axis=0).tolist()), shown


def _pairs(clip: PreparedClip) -> list[tuple[int, int]]:
    """(driving frame, nearest of up to four earlier references), evenly over the clip."""
    last = clip.frame_count - 1
    references = [int(last * share) for share in _REFERENCES]
    return [
        (
            frame,
            min(
                (one for one in references if one < max(frame, 1)),
                key=lambda one: pose_expression_distance(
                    clip.driving(0, one), clip.driving(0, frame)
                ),
            ),
        )
        for frame in np.linspace(last / _FRAMES_PER_CLIP, last, _FRAMES_PER_CLIP)
        .astype(int)
        .tolist()
    ]


def _score(trainer: Trainer, batch: Batch, generated: Generated) -> NDArray[np.float64]:
    """(B, 6) the fields of `Scores` for each picture."""
    found, target = _levels(generated.image), _levels(batch.targets)
    with torch.autocast(trainer.device.type, dtype=torch.bfloat16, enabled=False):
        own, true = (
            align_faces(pictures, batch.alignments) for pictures in (generated.image, batch.targets)
        )
        similarity = (trainer.recognition.embed(own) * trainer.recognition.embed(true)).sum(1)
    mask = generated.mask
    columns = [
        _psnr(found, target),
        _psnr(_levels(generated.warped), target),
        (found - target).abs().flatten(1).mean(1),
        similarity,
        _gradient(own) / _gradient(true).clamp(min=1e-6),
        torch.ones(len(found)) if mask is None else mask.float().flatten(1).mean(1),
    ]
    scores: NDArray[np.float64] = np.stack([column.cpu().double().numpy() for column in columns], 1)
    return scores


def _levels(pictures: Tensor) -> Tensor:
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round()


def _psnr(found: Tensor, target: Tensor) -> Tensor:
    error = (found - target).square().flatten(1).mean(1)
    return 10 * torch.log10(255**2 / error.clamp(min=1e-9))


def _gradient(pictures: Tensor) -> Tensor:
    """(B,) mean gradient magnitude of aligned faces' luma."""
    luma = pictures.float().mean(1)
    across = luma[:, :-1, 1:] - luma[:, :-1, :-1]
    down = luma[:, 1:, :-1] - luma[:, :-1, :-1]
    return torch.hypot(across, down).flatten(1).mean(1)
