"""Training of the parameter codec's context weights and tables; `shared.symbol_model` uses them.

The transitions that a call codes (from a message's base to its first frame, and on to its next
ones) are made by the encoder itself from fitted clips, for several delays of the link. Weights
then minimise the length of a discretised Laplace code by gradient descent; tables are what was
counted in each context, mixed with that Laplace. As the encoder's choices depend on the tables,
all of it is done twice.

Seeded and on one thread: the same clips give the same bytes again on one machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from export.codec_calls import Way, coded_frames
from export.codec_tables import CodecFields, FittedClip
from shared.codec_tables import GAP_LIMITS_MS, CodecTables, tables_from_fields
from shared.entropy import RangeEncoder, frequencies_of
from shared.quantization import SYMBOL_COUNT, Precision, parameters_in_steps
from shared.residual_coder import encode_frame
from shared.symbol_model import FramePrediction, FrameState

_CLASSES = len(GAP_LIMITS_MS) + 1
_UNSEEN_CLASSES = (0, 1, 3)
"""Gaps that clips of 25 frames a second do not have."""

_WAYS = (Way(330, 60), Way(160, 60), Way(330, 250), Way(1000, 60))
"""The first one is the usual."""

_ROUNDS = 2
_STEPS = 700
_BATCH = 1024
_CROSS_LEAST = 0.04
"""Standard deviations of a residual by those of another; smaller weights are left out."""

_TABLE_SCALES = tuple(2.0 ** (index / 2 - 5) for index in range(15))
_PRIOR_COUNT = 400.0
_LARGEST_SCALES = 6.0
"""A table reaches this many scales."""


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """What was coded, N frames: float32 but where said."""

    residuals: torch.Tensor
    """(N, SYMBOL_COUNT)."""

    symbols: torch.Tensor
    """Of the frames that were predicted from; zeros for intra."""

    velocities: torch.Tensor
    """Symbols per 40 ms."""

    activities: torch.Tensor
    classes: torch.Tensor
    """(N,) int64, of gaps."""

    precisions: torch.Tensor
    """(N,) int64."""


def transitions(clips: Sequence[FittedClip], tables: CodecTables) -> Transitions:
    """Of the clips at each number of frames a message and each delay; each precision in turn."""
    rows = []
    for number, clip in enumerate(clips):
        for frames_per_message in (1, 2, 3):
            for way in _WAYS:
                precision = Precision.STANDARD
                if (number + frames_per_message) % 2:
                    precision = Precision(number // 2 % len(Precision))
                for frame in coded_frames(
                    clip, tables, precision, frames_per_message=frames_per_message, way=way
                ):
                    if frame.base is not None:
                        row = _row(frame.base, frame.gap_ms, frame.residuals)
                        rows.append(row)
    return _stack(rows)


def intra_frames(clips: Sequence[FittedClip], tables: CodecTables) -> Transitions:
    """Every fifth frame of the clips coded from nothing, each precision in turn."""
    rows = []
    zeros = np.zeros(SYMBOL_COUNT, np.int64)
    for clip in clips:
        for number, frame in enumerate(clip.frames[::5]):
            precision = Precision(number % len(Precision))
            goal = parameters_in_steps(frame, precision)
            symbols = encode_frame(RangeEncoder(), goal, None, precision=precision, tables=tables)
            nothing = FrameState(zeros.astype(np.int32), zeros, zeros, precision)
            rows.append(_row(nothing, 0, symbols))
    return _stack(rows)


def _row(
    state: FrameState, gap_ms: int, residuals: NDArray[np.int32]
) -> tuple[NDArray, NDArray, NDArray, NDArray, int, int]:
    gap_class = CodecTables.gap_class(gap_ms)
    velocity, activity = state.velocity / 64, state.activity / 256
    return residuals, state.symbols, velocity, activity, gap_class, int(state.precision)


def _stack(rows: Sequence[tuple[NDArray, NDArray, NDArray, NDArray, int, int]]) -> Transitions:
    columns = list(zip(*rows, strict=True))
    wide = [torch.tensor(np.array(column), dtype=torch.float32) for column in columns[:4]]
    residuals, symbols, velocities, activities = wide
    return Transitions(
        residuals,
        symbols,
        velocities,
        activities,
        torch.tensor(columns[4]),
        torch.tensor(columns[5]),
    )


class ContextModel(torch.nn.Module):
    """`shared.symbol_model` in floats, over parameters in the order of coding."""

    def __init__(self, data: Transitions, order: Sequence[int], *, is_intra: bool) -> None:
        super().__init__()
        self.is_intra = is_intra
        self.order = torch.tensor(order)
        self.is_camera = (self.order >= 28).long()
        count, classes = SYMBOL_COUNT, 1 if is_intra else _CLASSES
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


def laplace_weights(scale: float, offset: float) -> NDArray[np.float64]:
    """Of -largest .. largest and of what lies beyond, for a law whose place is `offset`."""
    largest = max(2, int(np.ceil(_LARGEST_SCALES * scale)))
    edges = np.arange(-largest, largest + 2) - 0.5 - offset
    below = np.where(edges < 0, 0.5 * np.exp(edges / scale), 1 - 0.5 * np.exp(-edges / scale))
    weights = np.diff(below)
    return np.append(weights, 1 - weights.sum())


def counted_tables(clips: Sequence[FittedClip], tables: CodecTables) -> list[list[list[int]]]:
    """Frequencies in each context of what these tables' encoder codes."""
    counts = [
        [laplace_weights(scale, quarter / 4) * _PRIOR_COUNT for quarter in range(3)]
        for scale in _TABLE_SCALES
    ]
    contexts = {
        id(entry.table): counted
        for entries, row in zip(tables.tables, counts, strict=True)
        for entry, counted in zip(entries, row, strict=True)
    }
    precision = Precision.STANDARD
    for clip in clips:
        for frames_per_message in (1, 2, 3):
            for frame in coded_frames(
                clip, tables, precision, frames_per_message=frames_per_message, way=_WAYS[0]
            ):
                prediction = FramePrediction(frame.base, precision, frame.gap_ms, tables)
                for index in tables.order:
                    choice = prediction.choice(index)
                    residual = int(frame.residuals[index])
                    value = residual - choice.centre
                    if choice.shift:
                        value = value + (1 << choice.shift - 1) >> choice.shift
                    elif choice.is_mirrored:
                        value = -value
                    counted = contexts[id(choice.table)]
                    slot = value + choice.table.largest
                    inside = 0 <= slot < len(counted) - 1
                    counted[slot if inside else -1] += 1
                    prediction.settle(index, residual)
    return [
        [frequencies_of(np.ceil(weights * 64).astype(int).tolist()) for weights in row]
        for row in counts
    ]


def train_codec(
    clips: Sequence[FittedClip], start: CodecFields, *, report: Callable[[str], None]
) -> CodecFields:
    """The file's fields. `start`: version, order, feedback and prices, which are kept.

    Leaves torch on one thread: how many share a sum decides its last bits.
    """
    torch.set_num_threads(1)
    torch.manual_seed(1)
    fields = {**_untrained(), **start}
    for turn in range(_ROUNDS):
        tables = tables_from_fields(fields)
        for name, data in (
            ("intra", intra_frames(clips, tables)),
            ("predicted", transitions(clips, tables)),
        ):
            model = ContextModel(data, tables.order, is_intra=name == "intra")
            model.fit(data, steps=_STEPS, rate=0.03)
            model.prune()
            bits = model.fit(data, steps=_STEPS // 2, rate=0.01)
            fields[name] = model.fields()
            if name == "predicted":
                activities = data.activities[data.precisions == Precision.STANDARD].mean(0)
                fields["start_activity"] = (256 * activities).round().int().tolist()
            report(f"round {turn + 1}, {name}: {bits:.2f} bits a frame over all precisions")
        fields["tables"] = counted_tables(clips[::2], tables_from_fields(fields))
    return fields


def _untrained() -> CodecFields:
    """Laplace tables, every parameter alike, no prediction but the frame before."""
    tables = [
        [
            frequencies_of(
                np.ceil(laplace_weights(scale, quarter / 4) * 2**24).astype(int).tolist()
            )
            for quarter in range(3)
        ]
        for scale in _TABLE_SCALES
    ]

    def weights(classes: int) -> CodecFields:
        rows = [[0] * SYMBOL_COUNT] * classes
        return {
            "velocity": rows,
            "shrink": rows,
            "bias": rows,
            "scale": rows,
            "precision_scale": [[8 * (1 - precision)] * SYMBOL_COUNT for precision in Precision],
            "activity": [0] * SYMBOL_COUNT,
            "spread": [64] * SYMBOL_COUNT,
            "cross": [[]] * SYMBOL_COUNT,
        }

    return {
        "tables": tables,
        "intra": weights(1),
        "predicted": weights(_CLASSES),
        "start_activity": [64] * SYMBOL_COUNT,
    }
