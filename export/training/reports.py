"""What a training leaves to look at: metrics.csv, curves.png and samples.png."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from export.networks.interface import Generated
from export.training.batches import Batch
from export.training.trainer import StepReport
from export.training.validation import Scores
from shared.parameters import Image

METRICS_NAME = "metrics.csv"
_CHART = (220, 420)
"""Height and width of one curve's chart, pixels."""

_CURVES = ("l1", "recognition", "gradient", "psnr_db", "csim", "sharpness")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of metrics.csv."""

    samples: int
    seconds: float
    """Of training, over all its pieces."""

    rate: float
    train: StepReport
    """Means since the line before."""

    scores: Scores

    def values(self) -> dict[str, float]:
        train = {f"train_{name}": value for name, value in asdict(self.train).items()}
        return {
            "samples": self.samples,
            "seconds": self.seconds,
            "rate": self.rate,
            **train,
            **asdict(self.scores),
        }


def append_row(folder: Path, row: Row) -> None:
    """Add a line; lines of samples that a resumed training does again are dropped."""
    path = folder / METRICS_NAME
    kept = [old for old in read_metrics(folder) if old["samples"] < row.samples]
    values = row.values()
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(values))
        writer.writeheader()
        for one in [*kept, values]:
            writer.writerow({key: f"{value:.6g}" for key, value in one.items()})


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The lines of metrics.csv; none when there is no file."""
    path = folder / METRICS_NAME
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def draw_curves(folder: Path) -> None:
    """curves.png: training terms and validation scores over samples."""
    rows = read_metrics(folder)
    charts = []
    for name in _CURVES:
        lines = [(name, [row[name] for row in rows])] if name in rows[0] else []
        if f"train_{name}" in rows[0]:
            lines.append((f"train {name}", [row[f"train_{name}"] for row in rows]))
        if name == "psnr_db":
            lines.append(("warped", [row["warped_psnr_db"] for row in rows]))
        if name == "l1":
            lines = lines[1:]  # levels of 255 and [-1, 1] on one axis would hide each other
        charts.append(_chart([row["samples"] for row in rows], lines))
    grid = np.vstack([np.hstack(charts[i : i + 3]) for i in range(0, len(charts), 3)])
    cv2.imwrite(str(folder / "curves.png"), grid)


def draw_samples(folder: Path, shown: Sequence[tuple[Batch, Generated]]) -> None:
    """samples.png: reference, warped, generated, true picture, mask; a frame of each clip."""
    lines = []
    for batch, generated in shown:
        mask = generated.mask
        planes = torch.zeros_like(generated.image) if mask is None else mask.expand(-1, 3, -1, -1)
        parts = [batch.reference, generated.warped, generated.image, batch.targets, planes * 2 - 1]
        lines.append(np.hstack([_image(part[1]) for part in parts]))
    cv2.imwrite(str(folder / "samples.png"), np.vstack(lines)[..., ::-1])


def _chart(samples: list[float], lines: list[tuple[str, list[float]]]) -> Image:
    height, width = _CHART
    chart = np.full((height, width, 3), 255, np.uint8)
    values = np.array([value for _, line in lines for value in line if np.isfinite(value)])
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    span = max(high - low, 1e-9)
    last = max(samples[-1], 1.0)
    colours = ((180, 60, 20), (40, 40, 200), (40, 140, 40))
    for (name, line), colour, place in zip(lines, colours, range(3), strict=False):
        points = [
            (45 + (width - 60) * x / last, 30 + (height - 50) * (1 - (y - low) / span))
            for x, y in zip(samples, line, strict=True)
            if np.isfinite(y)
        ]
        cv2.polylines(chart, [np.array(points, np.int32)], False, colour, 1, cv2.LINE_AA)
        _write(chart, f"{name} {line[-1]:.4g}", (50 + 185 * place, 18), colour)
    _write(chart, f"{high:.3g}", (2, 36), (0, 0, 0))
    _write(chart, f"{low:.3g}", (2, height - 20), (0, 0, 0))
    _write(chart, f"{last:.0f} samples", (width - 130, height - 6), (0, 0, 0))
    return chart


def _write(chart: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(chart, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA)


def _image(planes: Tensor) -> Image:
    """(S, S, 3) uint8 of (3, S, S) in [-1, 1]."""
    levels = ((planes.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())
