"""Whole calls between real processes over both emulators, and what is measured of them."""

from pathlib import Path

import pytest

from benchmarks import wire_lane
from benchmarks.wire_job import Word, say
from benchmarks.wire_lane import CallPlan, Lane, LaneError, why_no_tun_link
from benchmarks.wire_plan import link
from benchmarks.wire_samples import DrivenFace, take_samples
from benchmarks.wire_scores import score
from sender.parameter_transport import TransportChoice
from shared.face_model import FaceModel
from tests.wire_recording import nodding_track


@pytest.mark.parametrize("with_tun", [True, False], ids=["tun", "relay"])
async def test_calls_are_opened_and_measured(tmp_path: Path, with_tun: bool) -> None:
    with_tun = with_tun and why_no_tun_link() is None
    track = nodding_track()
    track.save(tmp_path / "track.npz")
    plan = CallPlan(
        track=tmp_path / "track.npz",
        sound=None,
        transport=TransportChoice.DATA_CHANNEL,
        frames_per_message=2,
        conditions=link(loss=0.0),
        seed=1,
        settle_seconds=0.5,
        seconds=2.0,
    )
    lane = await Lane.start(tmp_path, with_tun=with_tun)
    try:
        opening = await lane.open(plan)
        call = await lane.measure(plan)
    finally:
        await lane.close()
    assert opening.seconds is not None
    assert opening.signaling_seconds is not None
    assert 0 < opening.signaling_seconds < opening.seconds
    scores = score([take_samples(call, DrivenFace.of(track, FaceModel.load()))])
    assert scores.delivered == 1
    assert scores.lost == 0
    # A message has at least 77 bytes of headers; on a busy machine some frames come too late.
    assert scores.messages_per_second * 8 * 78 < scores.forward_bps < 40_000
    assert 0 < scores.back_bps < scores.forward_bps
    assert scores.audio_forward_bps == 0
    assert 0 < scores.payload_bps < scores.forward_bps / 2
    assert scores.shown_ms.p50 > 0


async def test_an_answer_that_is_not_expected_is_an_error(tmp_path: Path) -> None:
    lane = await Lane.start(tmp_path, with_tun=False)
    try:
        lane._receiver.write_line(say(Word.COLLECT, str(tmp_path / "shown.npz")))
        with pytest.raises(LaneError, match=r"^done$"):
            await wire_lane._expect(lane._receiver, Word.READY, 20)
    finally:
        await lane.close()
    assert not lane._sender.is_running
    assert not lane._receiver.is_running
