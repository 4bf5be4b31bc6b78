"""Numbers on people that were not trained on, always of the same frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from export.networks.interface import Generated
from export.training.batches import Batch, collate
from export.training.recognition import align_faces
from export.training.sampling import SampleMaker, SampleShape
from export.training.store import PreparedClip
from export.training.trainer import Trainer
from shared.face_model import FaceModel
from shared.reference_set import pose_expression_distance

_FRAMES_PER_CLIP = 6
_SET_SIZE = 4


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over the frames of validation, the nearest of four references given."""

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
            collate([maker.render(clip, 0, reference, [frame])])
            for clip in clips
            for frame, reference in _pairs(clip)
        ]

    def measure(self, trainer: Trainer) -> tuple[Scores, list[tuple[Batch, Generated]]]:
        """Scores of the averaged weights, and every sixth frame for the sample sheet."""
        rows, shown = [], []
        with torch.inference_mode():
            for number, pending in enumerate(self._batches):
                batch = pending.to(trainer.device)
                generated = trainer.generate(trainer.average, batch)
                rows.append(_score(trainer, batch, generated))
                if number % _FRAMES_PER_CLIP == _FRAMES_PER_CLIP - 1:
                    shown.append((batch, generated))
        return Scores(*np.mean(rows, axis=0).tolist()), shown


def _pairs(clip: PreparedClip) -> list[tuple[int, int]]:
    """(driving frame, nearest of four references), evenly over the clip."""
    references = np.linspace(0, clip.frame_count - 1, 2 * _SET_SIZE + 1)[1::2].astype(int).tolist()
    frames = np.linspace(0, clip.frame_count - 1, _FRAMES_PER_CLIP).astype(int).tolist()
    return [
        (
            frame,
            min(
                references,
                key=lambda one: pose_expression_distance(
                    clip.driving(0, one),
                    clip.driving(0, frame),
                ),
            ),
        )
        for frame in frames
    ]


def _score(trainer: Trainer, batch: Batch, generated: Generated) -> tuple[float, ...]:
    found, target = _levels(generated.image), _levels(batch.targets)
    faces = align_faces(
        torch.cat([generated.image, batch.targets]), batch.alignments.repeat(2, 1, 1)
    )
    embeddings = trainer.recognition.embed(faces)
    mask = generated.mask
    return (
        _psnr(found, target),
        _psnr(_levels(generated.warped), target),
        float((found - target).abs().mean()),
        float(embeddings[0] @ embeddings[1]),
        _gradient(faces[0]) / max(_gradient(faces[1]), 1e-6),
        1.0 if mask is None else float(mask.float().mean()),
    )


def _levels(pictures: Tensor) -> Tensor:
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round()


def _psnr(found: Tensor, target: Tensor) -> float:
    error = float((found - target).square().mean())
    return 10 * float(np.log10(255**2 / max(error, 1e-9)))


def _gradient(picture: Tensor) -> float:
    """Mean gradient magnitude of an aligned face's luma."""
    luma = picture.float().mean(0)
    across, down = luma[:-1, 1:] - luma[:-1, :-1], luma[1:, :-1] - luma[:-1, :-1]
    return float(torch.hypot(across, down).mean())
