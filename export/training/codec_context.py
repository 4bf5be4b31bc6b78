"""The context model of the parameter codec in floats, whose weights are learnt."""

from collections.abc import Sequence

import numpy as np
import torch

from export.codec_tables import CodecFields
from export.training.codec_transitions import Transitions
from shared.codec_tables import GAP_LIMITS_MS
from shared.quantization import SYMBOL_COUNT, Precision

CLASSES = len(GAP_LIMITS_MS) + 1
"""Of gaps."""

_BATCH = 1024
_CROSS_LEAST = 0.04
"""Standard deviations of a residual by those of another; smaller weights are left out."""


class ContextModel(torch.nn.Module):
    """`shared.symbol_model` in floats, over parameters in the order of coding."""

    def __init__(self, data: Transitions, order: Sequence[int], *, is_intra: bool) -> None:
        super().__init__()
        self.is_intra = is_intra
        self.order = torch.tensor(order)
        self.is_camera = (self.order >= 28).long()
        count, classes = SYMBOL_COUNT, 1 if is_intra else CLASSES
        standard = data.precisions == Precision.STANDARD
        spread = data.residuals[standard][:, self.order]
        typical = (spread - (spread.median(0).values if is_intra else 0.0)).abs().mean(0)
        self.typical = typical.clamp(min=0.03)
        self.scale = torch.nn.Parameter(torch.log2(self.typical))
        self.gap = torch.nn.Parameter(torch.zeros(classes, 2))
        self.precision = torch.nn.Parameter(
            torch.tensor([[0.5 * (1 - p)] * count for p in Precision], dtype=torch.float32)
        )
        self.velocity = torch.nn.Parameter(torch.zeros(classes, count))
        self.shrink = torch.nn.Parameter(torch.zeros(classes, count))
        self.bias = torch.nn.Parameter(
            spread.median(0).values[None].clone() if is_intra else torch.zeros(classes, count)
        )
        self.activity = torch.nn.Parameter(torch.zeros(count))
        self.spread = torch.nn.Parameter(torch.zeros(count))
        self.cross = torch.nn.Parameter(torch.zeros(count, count))
        self.cross_mask = torch.tril(torch.ones(count, count), -1)

    def bits(self, data: Transitions, rows: torch.Tensor) -> torch.Tensor:
        """(B,) length of each frame's code."""
        residuals = data.residuals[rows][:, self.order]
        precisions = data.precisions[rows]
        classes = torch.zeros_like(precisions) if self.is_intra else data.classes[rows]
        places = self.bias[classes] * torch.exp2(1.0 - precisions)[:, None]
        scales = self.scale + self.gap[classes][:, self.is_camera]
        scales = scales + self.precision[precisions] - self.precision[Precision.STANDARD]
        if not self.is_intra:
            places = places + self.velocity[classes] * data.velocities[rows][:, self.order]
            places = places + self.shrink[classes] * data.symbols[rows][:, self.order]
            logs = torch.log2(data.activities[rows][:, self.order] + 0.1)
            scales = scales + logs * self.activity
        places = places + residuals @ (self.cross * self.cross_mask).T
        places = places + ((4 * places).round() / 4 - places).detach()
        distance = (residuals - places).abs()
        expected = torch.exp2(scales).clamp(min=0.03)
        ratio = ((distance + 0.1) / (expected + 0.1)).clamp(max=8)
        excess = 4 + torch.cumsum(ratio, 1) - ratio
        scales = scales + torch.log2(excess / (4 + torch.arange(SYMBOL_COUNT))) * self.spread
        return laplace_bits(distance, torch.exp2(scales.clamp(-5, 15))).sum(1)

    def fit(self, data: Transitions, *, steps: int, rate: float) -> float:
        """Bits a frame at the end."""
        optimizer = torch.optim.Adam(self.parameters(), lr=rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        mean = 0.0
        for step in range(steps):
            rows = torch.randint(len(data.classes), (_BATCH,))
            loss = self.bits(data, rows).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            mean += (loss.item() - mean) / min(step + 1, 100)
        return mean

    def prune(self) -> None:
        """Leave out what other residuals say little about."""
        said = self.cross.detach().abs() * self.typical[None] / self.typical[:, None]
        self.cross_mask = self.cross_mask * (said >= _CROSS_LEAST)

    def fields(self) -> CodecFields:
        """As integers, over parameters in their own order."""
        back = np.argsort(self.order.numpy())

        def integers(values: torch.Tensor, unit: int) -> list:
            return np.round(values.detach().numpy() * unit).astype(int).tolist()

        gap = self.gap.detach()
        rows = [self.velocity.detach(), self.shrink.detach(), self.bias.detach()]
        if not self.is_intra:
            rows = [_filled(row) for row in rows]
            gap = _filled(gap)
            gap[1] -= 0.25
            gap[0] -= 0.5
        scale = (self.scale.detach() + gap[:, self.is_camera])[:, back]
        precision = (self.precision - self.precision[Precision.STANDARD])[:, back]
        cross = (self.cross * self.cross_mask).detach().numpy()
        order = self.order.tolist()
        columns: list[list[list[int]]] = [[] for _ in order]
        for column, row in zip(*np.nonzero(np.round(cross.T * 1024)), strict=True):
            weight = int(np.round(cross[row, column] * 1024))
            columns[order[column]].append([order[row], weight])
        return {
            "velocity": integers(rows[0][:, back], 1024),
            "shrink": integers(rows[1][:, back], 1024),
            "bias": integers(rows[2][:, back], 1024),
            "scale": integers(scale, 16),
            "precision_scale": integers(precision, 16),
            "activity": integers(self.activity[back], 64),
            "spread": integers(self.spread[back], 64),
            "cross": columns,
        }


def _filled(rows: torch.Tensor) -> torch.Tensor:
    """With those of classes that clips lack: from their neighbours."""
    filled = rows.clone()
    filled[3] = (rows[2] + rows[4]) / 2
    filled[0] = filled[1] = rows[2]
    return filled


def laplace_bits(distance: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Length of an integer at `distance` from the place of a Laplace law, in bits."""
    near = (distance - 0.5) / scale
    far = torch.exp(-(distance + 0.5) / scale)
    inside = 1 - 0.5 * torch.exp(near.clamp(max=0)) - 0.5 * far
    outside = 0.5 * torch.exp(-near.clamp(min=0)) - 0.5 * far
    share = torch.where(near < 0, inside, outside).clamp(min=1e-9)
    return -torch.log2(share * (1 - 2.0**-10) + 2.0**-15)
