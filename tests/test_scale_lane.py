"""Two calls through one receiver, really: each picture finds the tick that it was due at."""

from pathlib import Path

import pytest

from benchmarks.call_moments import load_moments, save_moments
from benchmarks.scale_lane import PlayedTrack, ScaleLane
from benchmarks.scale_scores import score
from shared.shipped_generators import WARP
from tests.wire_recording import nodding_track


@pytest.mark.slow
async def test_calls_are_added_and_measured(tmp_path: Path) -> None:
    track = nodding_track()
    track.save(tmp_path / "track.npz")
    played = PlayedTrack(tmp_path / "track.npz", track.fps, sound=None)
    lane = await ScaleLane.start(tmp_path, WARP)
    try:
        idle = score(await lane.measure(0.1), [])
        for _ in range(2):
            await lane.add_call(played)
        load = await lane.measure(2.0)  # the first sender report comes within
    finally:
        await lane.close()
    found = score(load, [track.fps] * 2)
    assert (idle.calls, found.calls) == (0, 2)
    assert idle.why_missed is not None
    # On a busy machine some pictures are dropped and some are late, but none before it is due.
    assert 0 < found.pictures_hz <= 26.5
    assert 0 < found.late_ms.p50 <= found.late_ms.p95
    assert found.render_ms > 0
    assert found.receiver_cores > idle.receiver_cores
    assert found.load_cores > 0
    assert found.memory_mb > 50
    for dues, pictures in zip(load.dues, load.pictures, strict=True):
        assert len(dues) > 10
        assert len(pictures) > 10


def test_moments_of_calls_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "moments.npz"
    calls = [[(1, 2**62), (2**32 - 1, 3)], [], [(4, 5)]]
    save_moments(path, calls)
    assert [[tuple(row) for row in call.tolist()] for call in load_moments(path)] == calls
    save_moments(path, [])
    assert load_moments(path) == []
