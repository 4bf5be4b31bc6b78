"""One picture of a quality run: of each clip and generator the worst frame, true and rebuilt."""

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from shared.parameters import Image


class ContactSheet:
    """Collects rows; each is a clip, its columns truth and rebuilt for each generator."""

    def __init__(self) -> None:
        self._rows: list[list[Image]] = []
        self._worst: dict[str, tuple[float, Image, Image]] = {}

    def offer(self, generator: str, truth: Image, rebuilt: Image, distance: float) -> None:
        """A measured frame; of each generator the one of largest landmark distance is kept."""
        badness = distance if np.isfinite(distance) else float("inf")
        if generator not in self._worst or badness > self._worst[generator][0]:
            self._worst[generator] = (badness, truth.copy(), rebuilt.copy())

    def end_clip(self) -> None:
        """Begin the next row."""
        if self._worst:
            self._rows.append([half for _, *pair in self._worst.values() for half in pair])
        self._worst = {}

    def save(self, path: Path) -> None:
        """Write a PNG."""
        columns = max(len(row) for row in self._rows)
        blank = np.zeros_like(self._rows[0][0])
        rows = [np.hstack([*row, *[blank] * (columns - len(row))]) for row in self._rows]
        PillowImage.fromarray(np.vstack(rows)).save(path)
