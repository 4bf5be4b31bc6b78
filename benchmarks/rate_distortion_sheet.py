"""One picture of all contenders at about one wire rate, so that an eye can judge."""

from math import log
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from benchmarks.classic_codec import Codec
from benchmarks.contact_sheet import Strip
from benchmarks.rate_distortion_jobs import FLOOR, CodedPoint
from benchmarks.rate_distortion_pictures import PictureRun


def save_sheet(run: PictureRun, own_bps: float, path: Path) -> None:
    """A row a clip, its middle instant: driving, Kilocall's generators, each codec at the rate
    nearest to Kilocall's own that it reaches."""
    strips = [_strip(run, clip, own_bps).draw() for clip in run.rebuilt]
    PillowImage.fromarray(np.vstack(strips)).save(path, "PNG", optimize=True)


def _strip(run: PictureRun, clip: str, own_bps: float) -> Strip:
    rebuilt = run.rebuilt[clip]
    titles = ["driving", *(f"Kilocall {name}, {own_bps / 1e3:.1f}" for name in run.generators)]
    pictures = [rebuilt.driving, *rebuilt.pictures]
    for codec in Codec:
        points = run.coded[codec].get(clip)
        if points is None:
            titles.append(f"{codec.value}: missing")
            pictures.append(np.zeros_like(rebuilt.driving))
            continue
        rate, point = _nearest(points, own_bps)
        titles.append(_title(codec, rate, point))
        pictures.append(point.picture)
    psnr = ", ".join(
        f"{name} {scores.psnr_db:.1f}"
        for name, scores in zip(run.generators, rebuilt.scores, strict=True)
    )
    return Strip(
        f"{clip}: kbit/s on the wire; PSNR of the clip, dB: {psnr}", (*titles,), (*pictures,)
    )


def _nearest(points: dict[int, CodedPoint | None], own_bps: float) -> tuple[int, CodedPoint]:
    """By what the codec really takes; the floor is always there."""
    there = [(rate, point) for rate, point in points.items() if point is not None]
    return min(there, key=lambda one: abs(log(one[1].point.wire_bps / own_bps)))


def _title(codec: Codec, rate: int, point: CodedPoint) -> str:
    found = point.point
    floor = "floor " if rate == FLOOR else ""
    size = "" if found.scale == 1 else f" x{found.scale:.2g}"
    rate_text = f"{floor}{found.wire_bps / 1e3:.1f}, {found.fps:.3g}/s{size}"
    return f"{codec.value}, {rate_text}, {found.psnr_db:.1f} dB"
