"""A soak of seconds between the product's own processes, and one of a film without a face."""

from pathlib import Path

import pytest

from benchmarks.soak_run import Soak, SoakError, SoakRun, SoakSettings
from shared.shipped_generators import WARP
from tests.portrait_clip import write_portrait_clip


@pytest.mark.slow
async def test_a_call_is_read_while_it_runs(tmp_path: Path) -> None:
    video = write_portrait_clip(tmp_path / "portrait.mp4", frames=50, sound=True)
    run = SoakRun()
    heard: list[int] = []
    settings = SoakSettings(video, WARP, seconds=4.0, period_seconds=1.0)
    await Soak(settings, tmp_path, run, lambda: heard.append(len(run.samples))).make()
    assert heard == [1, 2, 3, 4]
    assert run.ended is None
    for sample in run.samples:
        for process in (sample.receiver, sample.sender):
            assert process.resident_mb > 50
            assert process.cores > 0
    assert sum(sample.pictures_hz for sample in run.samples) > 0
    assert sum(sample.sound_kbps for sample in run.samples) > 0
    assert run.samples[-1].wire_kbps >= run.samples[-1].sound_kbps


@pytest.mark.slow
async def test_a_film_without_a_face_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.soak_run._FIRST_PICTURE_SECONDS", 5.0)
    video = write_portrait_clip(tmp_path / "grey.mp4", frames=25, blank=range(25))
    run = SoakRun()
    with pytest.raises(SoakError, match=r"no picture after 5 s: .*grey\.mp4 needs a face"):
        await Soak(SoakSettings(video, WARP, 4.0, 1.0), tmp_path, run, lambda: None).make()
    assert run.ended is not None
