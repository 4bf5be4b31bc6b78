"""Pictures of a quality run: what typical and worst frames look like, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from shared.parameters import Image

ERROR_FULL_SCALE = 64
"""Levels of 255 that an error map shows as white."""

_LABEL_PX = 22
_GAP_PX = 2
_TITLE_PX = 40
_MARGIN_PX = 12
_TEXT, _PAPER = (235, 235, 235), (24, 24, 24)


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One frame: the driving picture, every generator's, perhaps the last one's error."""

    label: str
    """What it shows: clip, frame, numbers."""

    titles: tuple[str, ...]
    pictures: tuple[Image, ...]
    """(S, S, 3) each."""

    def with_error(self) -> "Strip":
        """And the last picture's error: mean over channels, black 0 to white ERROR_FULL_SCALE."""
        first, last = (self.pictures[i].astype(np.int16) for i in (0, -1))
        error = np.abs(last - first).mean(axis=2) * (255 / ERROR_FULL_SCALE)
        levels = error.clip(0, 255).astype(np.uint8)
        coloured = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_HOT), cv2.COLOR_BGR2RGB)
        title = f"error of {self.titles[-1]}, white: {ERROR_FULL_SCALE} levels"
        return Strip(
            self.label,
            (*self.titles, title),
            (*self.pictures, np.asarray(coloured, np.uint8)),
        )

    def draw(self) -> Image:
        """The pictures side by side, titles above, label below."""
        gap = np.full((len(self.pictures[0]), _GAP_PX, 3), _PAPER, np.uint8)
        row = np.hstack([part for picture in self.pictures for part in (picture, gap)])[
            :, :-_GAP_PX
        ]
        cell = self.pictures[0].shape[1] + _GAP_PX
        return np.vstack(
            [
                _text_line(row.shape[1], [(i * cell, text) for i, text in enumerate(self.titles)]),
                row,
                _text_line(row.shape[1], [(0, self.label)]),
            ]
        )


def save_strip(strip: Strip, path: Path) -> None:
    """As PNG."""
    PillowImage.fromarray(strip.draw()).save(path, "PNG", optimize=True)


def save_contact_sheet(sections: Sequence[tuple[str, Sequence[Strip]]], path: Path) -> None:
    """As one PNG, about as wide as high: titled sections, some strips a row."""
    drawn = [(title, [strip.draw() for strip in strips]) for title, strips in sections if strips]
    width = max(strip.shape[1] for _, strips in drawn for strip in strips)
    height = sum(len(strip) for _, strips in drawn for strip in strips)
    columns = max(round(sqrt(height / width)), 1)
    lines: list[Image] = []
    for title, strips in drawn:
        lines.append(_text_line(columns * (width + _MARGIN_PX), [(0, title)], 18, _TITLE_PX))
        for start in range(0, len(strips), columns):
            row = [_padded(strip, width + _MARGIN_PX) for strip in strips[start : start + columns]]
            lines.append(_padded(np.hstack(row), columns * (width + _MARGIN_PX)))
    PillowImage.fromarray(np.vstack(lines)).save(path, "PNG")


def _padded(picture: Image, width: int) -> Image:
    padded = np.full((len(picture), width, 3), _PAPER, np.uint8)
    padded[:, : picture.shape[1]] = picture
    return padded


def _text_line(
    width: int, texts: Sequence[tuple[int, str]], size: int = 13, height: int = _LABEL_PX
) -> Image:
    """Texts at their left edges on one line."""
    line = PillowImage.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(line)
    font = ImageFont.load_default(size)
    for left, text in texts:
        draw.text((left + 4, height / 2), text, _TEXT, font, anchor="lm")
    return np.asarray(line, np.uint8)
