"""A call over HTTPS whose one side loses its network for a while."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.integration.browser import call_link, chromium_path, served_call
from tests.integration.calling_browsers import Caller, calling_browser
from tests.integration.namespace import HOST_ADDRESS, Cable, namespace
from tests.material import call_clip

_OUTAGE_SECONDS = 3.0
_MOVES = 0.8
"""Mean difference of two pictures, in levels, when a face talks."""


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


@pytest.fixture
def cable() -> Iterator[Cable]:
    with namespace("kc-bob") as made:
        yield made


@pytest.mark.slow
async def test_the_picture_moves_again_after_an_outage(tmp_path: Path, cable: Cable) -> None:
    arguments = ("--host", HOST_ADDRESS, "--tls", "self-signed")
    async with (
        served_call(tmp_path, *arguments) as call,
        calling_browser(tmp_path, call_clip("obama"), tone_hz=440) as ann,
        calling_browser(tmp_path, call_clip("conan"), tone_hz=700, in_namespace=cable.name) as bob,
    ):
        assert call.url.startswith("https://")
        for caller, party in ((ann, "ann"), (bob, "bob")):
            await caller.page.add_init_script('localStorage.setItem("automatic-video", "no")')
            await caller.enter(call_link(call, party))
        for caller in (ann, bob):
            await caller.sees("Live", seconds=60)
        cable.pull()
        await asyncio.sleep(_OUTAGE_SECONDS)
        returned = time.monotonic()
        cable.plug_in()
        await _both_move(ann, bob, returned, "after 3 s without a network")
        cable.pull()
        await asyncio.sleep(_OUTAGE_SECONDS)
        returned = time.monotonic()
        cable.plug_in()
        cable.move()
        await _both_move(ann, bob, returned, "in another network")


async def _both_move(ann: Caller, bob: Caller, since: float, what: str) -> None:
    seconds = await asyncio.gather(_moving_after(ann, since), _moving_after(bob, since))
    print(f"{what}: seen to move after {seconds[0]:.1f} s, sees so after {seconds[1]:.1f} s")
    for caller in (ann, bob):
        await caller.sees("Live")


async def _moving_after(caller: Caller, since: float) -> float:
    """Seconds since then until two pictures in a row differ as those of a talking face do."""
    before: np.ndarray | None = None
    async with asyncio.timeout(30):
        while True:
            picture = (await caller.picture()).astype(np.float32)
            if before is not None and np.abs(picture - before).mean() > _MOVES:
                return time.monotonic() - since
            before = picture
            await asyncio.sleep(0.1)
