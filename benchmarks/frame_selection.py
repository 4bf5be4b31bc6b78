"""Which frames of a quality run are shown: one from each clip's middle, and the worst."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

from benchmarks.contact_sheet import Strip, save_contact_sheet, save_strip
from benchmarks.measured_frame import MeasuredFrame

WORST_COUNT = 5


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """One of the worst frames, as a report lists it."""

    clip: str
    frame: int
    references: str
    generator: str
    head_l1: float
    """L1 inside the driving head, levels of 255: by this the frame is among the worst."""


class ClipSelection:
    """Keeps two frames of a clip while it is measured: the middle one and the worst.

    The worst has the greatest L1 inside the driving head, of the last generator.
    """

    def __init__(
        self, clip: str, references: str, generators: Sequence[str], *, middle_ns: int
    ) -> None:
        self.clip = clip
        self._references = references
        self._titles = ("driving", *generators)
        self._middle_ns = middle_ns
        self._middle: MeasuredFrame | None = None
        self._worst: MeasuredFrame | None = None

    def offer(self, frame: MeasuredFrame) -> None:
        """Frames come in the order of their times."""
        if self._middle is None or frame.time_ns <= self._middle_ns:
            self._middle = frame
        if isfinite(frame.head_l1[-1]) and frame.head_l1[-1] > self.badness:
            self._worst = frame

    @property
    def badness(self) -> float:
        return -inf if self._worst is None else self._worst.head_l1[-1]

    def typical(self) -> list[Strip]:
        """The middle frame; nothing where none was measured."""
        return [] if self._middle is None else [self._strip(self._middle)]

    def worst(self) -> tuple[Strip, ShownFrame]:
        """Only for a clip with a measured frame."""
        assert self._worst is not None
        shown = ShownFrame(
            self.clip, self._worst.index, self._references, self._titles[-1], self.badness
        )
        return self._strip(self._worst).with_error(), shown

    def _strip(self, frame: MeasuredFrame) -> Strip:
        label = f"{self.clip}, frame {frame.index}, references: {self._references}"
        if isfinite(frame.head_l1[-1]):
            errors = ", ".join(
                f"{name} {value:.1f}"
                for name, value in zip(self._titles[1:], frame.head_l1, strict=True)
            )
            label += f"; L1 inside the head: {errors}"
        return Strip(label, self._titles, (frame.truth, *frame.rebuilt))


def worst_frames(selections: Sequence[ClipSelection]) -> list[tuple[Strip, ShownFrame]]:
    """The WORST_COUNT worst, the worst first, at most one of a clip: neighbours look alike."""
    measured = [one for one in selections if isfinite(one.badness)]
    ordered = sorted(measured, key=lambda one: -one.badness)
    return [one.worst() for one in ordered[:WORST_COUNT]]


def save_worst(worst: Sequence[tuple[Strip, ShownFrame]], folder: Path) -> None:
    """PNGs, and `failures.csv` with a column `defect` to be filled by who looks at them.

    `folder` exists.
    """
    with (folder / "failures.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["picture", "defect", "clip", "frame", "head_l1"])
        for number, (strip, shown) in enumerate(worst, start=1):
            name = f"worst_{number}_{shown.clip}_{shown.frame}.png"
            save_strip(strip, folder / name)
            writer.writerow([name, "", shown.clip, shown.frame, f"{shown.head_l1:.2f}"])


def save_sheet(own: Sequence[ClipSelection], cross: Sequence[ClipSelection], path: Path) -> None:
    """Each clip's middle frame, the worst frames, and each pair's middle frame."""
    middle = [strip.with_error() for one in own for strip in one.typical()]
    save_contact_sheet(
        [
            ("Self-reenactment, each clip's middle frame", middle),
            (
                "The worst: greatest L1 inside the head, one a clip",
                [strip for strip, _ in worst_frames(own)],
            ),
            (
                "Cross-reenactment, each pair's middle frame",
                [strip for one in cross for strip in one.typical()],
            ),
        ],
        path,
    )
