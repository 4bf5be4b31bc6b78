"""Samples as tensors: a map-style data set, batches, and the order of a resumed training."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from export.training.sampling import Sample, SampleMaker, SampleShape
from export.training.store import PreparedClip
from shared.face_model import FaceModel


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """R references and B = R D driving frames; frame i belongs to reference i // D."""

    reference: Tensor
    """(R, 3, S, S) in [-1, 1]."""

    own_conditions: Tensor
    """(R, C, h, h)."""

    targets: Tensor
    """(B, 3, S, S) in [-1, 1]."""

    conditions: Tensor
    """(B, C, h, h)."""

    past_pncc: Tensor | None
    """(B, 3k, h, h); None without history."""

    flows: Tensor
    """(B, 3, 64, 64) measured flow x, y in image units and its weight."""

    alignments: Tensor
    """(B, 2, 3)."""

    mouths: Tensor
    """(B, 2)."""

    @property
    def drivings(self) -> int:
        """D."""
        return self.targets.shape[0] // self.reference.shape[0]

    def to(self, device: torch.device) -> "Batch":
        """On a device, pictures as floats and planes innermost (channels_last)."""

        def picture(planes: Tensor) -> Tensor:
            moved = planes.to(device, non_blocking=True)
            return moved.float().div_(127.5).sub_(1).contiguous(memory_format=_LAST)

        def planes(values: Tensor) -> Tensor:
            return values.to(device, non_blocking=True).contiguous(memory_format=_LAST)

        return Batch(
            reference=picture(self.reference),
            own_conditions=planes(self.own_conditions),
            targets=picture(self.targets),
            conditions=planes(self.conditions),
            past_pncc=None if self.past_pncc is None else planes(self.past_pncc),
            flows=self.flows.to(device, non_blocking=True),
            alignments=self.alignments.to(device, non_blocking=True),
            mouths=self.mouths.to(device, non_blocking=True),
        )


_LAST = torch.channels_last


def collate(samples: Sequence[Sample]) -> Batch:
    """Pictures stay uint8 until `Batch.to`."""
    past = np.concatenate([sample.past_pncc for sample in samples])
    return Batch(
        reference=torch.from_numpy(np.stack([s.reference for s in samples])).permute(0, 3, 1, 2),
        own_conditions=torch.from_numpy(np.stack([s.own_conditions for s in samples])),
        targets=torch.from_numpy(np.concatenate([s.targets for s in samples])).permute(0, 3, 1, 2),
        conditions=torch.from_numpy(np.concatenate([s.conditions for s in samples])),
        past_pncc=torch.from_numpy(past) if past.shape[1] else None,
        flows=torch.from_numpy(np.concatenate([s.flows for s in samples])),
        alignments=torch.from_numpy(np.concatenate([s.alignments for s in samples])),
        mouths=torch.from_numpy(np.concatenate([s.mouths for s in samples])),
    )


class SampleSet(Dataset[Sample]):
    """Samples by number, without end; `total` of them are the planned training."""

    def __init__(
        self, clips: Sequence[PreparedClip], shape: SampleShape, *, seed: int, total: int
    ) -> None:
        self._clips, self._shape, self._seed, self._total = clips, shape, seed, total
        self._maker: SampleMaker | None = None

    def __getitem__(self, number: int) -> Sample:
        if self._maker is None:  # in the worker: rasterisers and their buffers are its own
            self._maker = SampleMaker(self._clips, FaceModel.load(), self._shape, seed=self._seed)
        return self._maker.make(number, min(number / self._total, 1.0))


class _From(Sampler[int]):
    """start, start + 1, ...: where a resumed training goes on."""

    def __init__(self, start: int) -> None:
        self._start = start

    def __iter__(self) -> Iterator[int]:
        number = self._start
        while True:
            yield number
            number += 1


def batches(
    samples: SampleSet, *, start: int, references: int, workers: int, pin_memory: bool = False
) -> Iterator[Batch]:
    """Batches of `references` references from number `start` on, made by worker processes.

    OpenCV's threads, once started, would not survive the fork: none may run here.
    """
    assert cv2.getNumThreads() <= 1
    loader: DataLoader[Sample] = DataLoader(
        samples,
        batch_size=references,
        sampler=_From(start),
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_leave_signals_to_parent,
        pin_memory=pin_memory,
    )
    yield from loader


def _leave_signals_to_parent(_: int) -> None:
    """Ctrl-C and a service's stop reach the whole group; the parent still wants its batches."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
