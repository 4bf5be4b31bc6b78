"""Pictures shown against those that are true at the time."""

import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.clip import Clip
from benchmarks.cut_clip import CutClip
from benchmarks.picture_judge import PictureJudge
from sender.portrait import MovedPortrait
from shared.errors import ArtifactError
from shared.parameters import Image
from tests.portrait_clip import write_portrait_clip


def _frames(count: int) -> list[Image]:
    portrait = MovedPortrait()
    return [portrait.render(3 * index) for index in range(count)]


def test_blur_late_pictures_and_a_lost_face_cost_what_they_should() -> None:
    truths = _frames(12)
    instants = tuple(range(1, 12))
    judge = PictureJudge(truths, instants, None, every=5)
    assert judge.looked_at == 2
    slightly = [np.asarray(cv2.GaussianBlur(one, (0, 0), 0.5), np.uint8) for one in truths]
    blurred = [np.asarray(cv2.GaussianBlur(one, (0, 0), 3.0), np.uint8) for one in truths]
    late = [slightly[max(index - 4, 0)] for index in range(12)]
    sharp, soft, behind = map(judge.score, (slightly, blurred, late))
    assert sharp.psnr_db > soft.psnr_db
    assert sharp.ms_ssim > soft.ms_ssim
    assert 1 > sharp.sharpness > soft.sharpness > 0
    assert behind.psnr_db < sharp.psnr_db
    assert behind.akd_px > sharp.akd_px
    assert sharp.faces_lost == 0
    assert math.isnan(sharp.csim)  # no network
    grey = judge.score([np.full_like(one, 110) for one in truths])
    assert grey.faces_lost == 1
    assert grey.akd_px > 20
    assert grey.sharpness == 0


def test_instants_that_do_not_count_are_left_out() -> None:
    truths = _frames(6)
    shown = [np.asarray(cv2.GaussianBlur(one, (0, 0), 1.0), np.uint8) for one in truths]
    spoilt = [np.zeros_like(truths[0]), *shown[1:]]
    judge = PictureJudge(truths, (1, 2, 3, 4, 5), None, every=5)
    found, expected = judge.score(spoilt), judge.score(shown)
    assert (found.psnr_db, found.ssim) == (expected.psnr_db, expected.ssim)
    assert judge.score([*shown[:5], spoilt[0]]).psnr_db < expected.psnr_db


def test_a_clip_is_cut_to_its_face_and_to_25_pictures_a_second(tmp_path: Path) -> None:
    clip = Clip.open(write_portrait_clip(tmp_path / "a.mp4", frames=66, rate=30, padding=64))
    cut = CutClip.cut(clip, 100)
    assert cut.rate == 25
    assert len(cut.pictures) == 55
    assert {picture.shape for picture in cut.pictures} == {(256, 256, 3)}
    assert len(CutClip.cut(clip, 52).pictures) == 52
    frames = list(cut.frames())
    assert frames[50].time_ns == 2_000_000_000


def test_a_clip_without_use_is_named(tmp_path: Path) -> None:
    short = Clip.open(write_portrait_clip(tmp_path / "short.mp4", frames=9))
    with pytest.raises(ArtifactError, match=r"short\.mp4: 9 frames, at least 50 are needed"):
        CutClip.cut(short, 100)
    blank = write_portrait_clip(tmp_path / "blank.mp4", frames=4, blank=range(4), padding=64)
    with pytest.raises(ArtifactError, match="no face, one is needed"):
        CutClip.cut(Clip.open(blank), 100)
    assert Clip.open(blank).rate == Fraction(25)
