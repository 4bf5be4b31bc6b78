"""What a reference takes on the wire, and that a real call agrees."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.link_model import LinkSnapshot
from benchmarks.reference_wire import reference_wire_bytes
from benchmarks.report import MESSAGE_OVERHEAD_BYTES
from benchmarks.wire_job import Word, say
from benchmarks.wire_lane import CallPlan, Lane, _expect
from benchmarks.wire_plan import link
from sender.parameter_transport import TransportChoice
from sender.reference_encoder import FIRST_IMAGE_BYTES
from shared.reference_image import encode_reference_image
from tests.wire_recording import nodding_track


def test_the_first_reference_brings_the_identity() -> None:
    encoded = nodding_track().reference()
    first, next_one = (reference_wire_bytes(encoded, is_first=known) for known in (True, False))
    assert first > next_one
    # Begin, at least one chunk, end, and the answer.
    assert next_one > len(encoded.picture.data) + 4 * MESSAGE_OVERHEAD_BYTES


@pytest.mark.slow
async def test_a_real_call_sends_about_as_much(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    blotches = np.asarray(cv2.resize(rng.integers(0, 255, (40, 40, 3), np.uint8), (256, 256)))
    picture = encode_reference_image(blotches.astype(np.uint8), FIRST_IMAGE_BYTES)
    track = replace(nodding_track(), picture=picture)
    track.save(tmp_path / "track.npz")
    plan = CallPlan(
        track=tmp_path / "track.npz",
        sound=None,
        transport=TransportChoice.DATA_CHANNEL,
        frames_per_message=2,
        conditions=link(),
        seed=1,
        settle_seconds=1.0,
        seconds=2.0,
    )
    lane = await Lane.start(tmp_path, with_tun=False)

    def data_bytes(count: LinkSnapshot) -> int:
        return count.forward.data_bytes + count.reverse.data_bytes

    try:
        lane._sender.write_line(say(Word.CALL, lane._job(plan).pack()))
        await _expect(lane._sender, Word.OPEN, 60)
        opened, opened_s = data_bytes(lane._link.snapshot()), time.monotonic()
        await _expect(lane._sender, Word.SHOWN, 30)
        shown, shown_s = data_bytes(lane._link.snapshot()), time.monotonic()
        await asyncio.sleep(5)
        steady_bps = (data_bytes(lane._link.snapshot()) - shown) / (time.monotonic() - shown_s)
        lane._sender.write_line(say(Word.END))
        await _expect(lane._sender, Word.DONE, 20)
    finally:
        await lane.close()
    found = shown - opened - steady_bps * (shown_s - opened_s)
    expected = reference_wire_bytes(track.reference(), is_first=True)
    print(f"reference: {found:.0f} B in a call, {expected} B counted")
    # Greetings, mode and the first reports are in what is found.
    assert expected == pytest.approx(found, rel=0.2)
