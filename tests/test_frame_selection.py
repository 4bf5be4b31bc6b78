import csv
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from benchmarks.contact_sheet import ERROR_FULL_SCALE, Strip
from benchmarks.frame_selection import ClipSelection, save_sheet, save_worst, worst_frames
from benchmarks.measured_frame import MeasuredFrame
from shared.parameters import Image


def flat(level: int) -> Image:
    return np.full((32, 32, 3), level, np.uint8)


def frame(index: int, head_l1: float, *, time_ns: int = 0) -> MeasuredFrame:
    rebuilt = (flat(10), flat(index))
    return MeasuredFrame(index, time_ns, flat(20), rebuilt, (1.0, head_l1))


def selection(name: str, *frames: MeasuredFrame) -> ClipSelection:
    chosen = ClipSelection(name, "policy", ("still", "lite"), middle_ns=50)
    for one in frames:
        chosen.offer(one)
    return chosen


def test_the_middle_is_the_last_frame_before_half_time() -> None:
    frames = [frame(index, 1.0, time_ns=index * 10) for index in (1, 4, 6)]
    (strip,) = selection("a", *frames).typical()
    assert strip.label == "a, frame 4, references: policy; L1 inside the head: still 1.0, lite 1.0"
    (strip,) = selection("b", frame(8, 1.0, time_ns=80)).typical()
    assert "frame 8" in strip.label
    assert selection("c").typical() == []


def test_the_worst_five_are_of_five_clips_and_the_worst_first() -> None:
    clips = [
        selection(f"clip{number}", frame(1, number), frame(2, number + 10.5), frame(3, np.nan))
        for number in range(7)
    ]
    worst = [shown for _, shown in worst_frames([*clips, selection("none")])]
    assert [shown.clip for shown in worst] == [f"clip{number}" for number in (6, 5, 4, 3, 2)]
    assert [(shown.frame, shown.generator) for shown in worst] == [(2, "lite")] * 5
    assert worst[0].head_l1 == 16.5


def test_an_error_map_goes_from_black_to_white() -> None:
    pictures = (flat(0), flat(0), flat(ERROR_FULL_SCALE))
    strip = Strip("label", ("driving", "still", "lite"), pictures).with_error()
    assert strip.titles[-1] == "error of lite, white: 64 levels"
    assert strip.pictures[-1].min() == 255
    assert Strip("", ("a", "b"), (flat(9), flat(9))).with_error().pictures[-1].max() == 0


def test_files_to_look_at(tmp_path: Path) -> None:
    clips = [selection("a", frame(1, 2.0)), selection("b", frame(7, 3.0))]
    (tmp_path / "worst").mkdir()
    save_worst(worst_frames(clips), tmp_path / "worst")
    with (tmp_path / "worst" / "failures.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == ["worst_1_b_7.png", "worst_2_a_1.png"]
    assert [row["defect"] for row in rows] == ["", ""]
    with PillowImage.open(tmp_path / "worst" / "worst_1_b_7.png") as strip:
        assert strip.width == 4 * 32 + 3 * 2
    save_sheet(clips, clips[:1], tmp_path / "sheet.png")
    with PillowImage.open(tmp_path / "sheet.png") as sheet:
        # Strips are 134 wide and 76 high: five of them fill two columns best.
        assert sheet.size == (2 * (134 + 12), 3 * 40 + 3 * (32 + 2 * 22))
