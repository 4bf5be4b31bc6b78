"""Two people call each other in two real browsers."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.integration.browser import (
    ServedCall,
    browser_page,
    call_link,
    chromium_path,
    served_call,
)
from tests.integration.calling_browsers import Caller, calling_browser, pictures_of
from tests.material import call_clip

pytestmark = pytest.mark.asyncio(loop_scope="module")

_QUIET_DB = 25
"""So much less than when it is heard: silence."""


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


@dataclass
class Pair:
    """A call that both have entered, without automatic fallback: two cores are slow."""

    call: ServedCall
    ann: Caller
    bob: Caller

    @property
    def sides(self) -> tuple[tuple[Caller, Caller], tuple[Caller, Caller]]:
        """Each one with the other."""
        return (self.ann, self.bob), (self.bob, self.ann)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """One call for all tests here; each leaves it as it was."""
    folder = tmp_path_factory.mktemp("call")
    async with (
        served_call(folder) as call,
        calling_browser(folder, call_clip("obama"), tone_hz=440) as ann,
        calling_browser(folder, call_clip("conan"), tone_hz=700) as bob,
    ):
        for caller, party in ((ann, "ann"), (bob, "bob")):
            await caller.page.add_init_script('localStorage.setItem("automatic-video", "no")')
            await caller.page.goto(call_link(call, party))
            await caller.page.fill("#name", party.title())
        for caller in (ann, bob):
            await caller.go_in()
        for caller in (ann, bob):
            await caller.sees("Live", seconds=60)
        yield Pair(call, ann, bob)


async def test_both_see_each_other(pair: Pair) -> None:
    for caller, other in pair.sides:
        pictures = await pictures_of(caller, other)
        assert len({picture.tobytes() for picture in pictures}) > 3
        await expect(caller.page.locator("#rebuilt")).to_be_visible()
    await expect(pair.ann.page.locator("#their-name")).to_have_text("Bob")
    await expect(pair.bob.page.locator("#their-name")).to_have_text("Ann")


async def test_parameters_take_little_of_the_wire(pair: Pair) -> None:
    """References, which are sent in the first seconds, are apart."""
    for caller, _ in pair.sides:
        async with asyncio.timeout(30):
            while not 0 < await _kilobits(caller, "wire") < 25:  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        rates = [await _kilobits(caller, "wire")]
        for _ in range(4):
            await asyncio.sleep(1)
            rates.append(await _kilobits(caller, "wire"))
        print(f"parameters forward: {rates} kbit/s")
        assert sorted(rates)[2] < 25
        assert 0 < await _kilobits(caller, "wire-back") < 25
        texts = await caller.statistics()
        assert float(texts["tracked"].removesuffix(" fps")) > 2


async def _kilobits(caller: Caller, name: str) -> float:
    text = (await caller.statistics())[name]
    return float(text.removesuffix(" kbit/s")) if text.endswith(" kbit/s") else 0.0


async def test_both_hear_each_other_until_one_is_muted(pair: Pair) -> None:
    ann, bob = pair.ann, pair.bob
    tones = (ann.tone_hz, bob.tone_hz)
    own, heard = await ann.loudness_db(tones)
    assert heard > own + 20
    heard, own = await bob.loudness_db(tones)
    assert heard > own + 20
    toggle = ann.page.locator("#microphone-toggle")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    await expect(bob.page.locator("#muted")).to_be_visible()
    await asyncio.sleep(1)
    muted, _ = await bob.loudness_db(tones)
    assert muted < heard - _QUIET_DB
    await toggle.click()
    await expect(bob.page.locator("#muted")).to_be_hidden()
    again, _ = await bob.loudness_db(tones)
    assert again > heard - 10


async def test_a_camera_goes_off_and_on(pair: Pair) -> None:
    toggle, notice = pair.ann.page.locator("#camera-toggle"), pair.bob.page.locator("#notice-text")
    await toggle.click()
    await expect(notice).to_have_text("Their camera is off.")
    await expect(pair.ann.page.locator("#self-state")).to_have_text("Your camera is off")
    await toggle.click()
    await expect(notice).to_be_hidden(timeout=20_000)
    await pair.bob.sees("Live")


@pytest.mark.slow
async def test_real_video_by_hand_and_back(pair: Pair) -> None:
    toggle, page = pair.ann.page.locator("#video-toggle"), pair.bob.page
    black = asyncio.create_task(_darkest(pair.bob, seconds=12))
    await toggle.click()
    await expect(page.locator("#real")).to_be_visible(timeout=15_000)
    await expect(page.locator("#rebuilt")).to_be_hidden()
    await expect(pair.ann.page.locator("#self-state")).to_have_text("Real video")
    await expect(page.locator("#generator")).to_have_text("none, plain video")
    picture = await pair.bob.picture()
    assert picture.shape[:2] != (256, 256)  # the camera's own, uncut
    await toggle.click()
    await expect(page.locator("#rebuilt")).to_be_visible(timeout=15_000)
    await expect(page.locator("#real")).to_be_hidden()
    assert await black > 20
    await pair.bob.sees("Live")


async def _darkest(caller: Caller, *, seconds: float) -> float:
    """The least mean brightness of the pictures of this while."""
    end, darkest = asyncio.get_running_loop().time() + seconds, 255.0
    while asyncio.get_running_loop().time() < end:
        darkest = min(darkest, float((await caller.picture()).mean()))
    return darkest


async def test_a_reload_comes_back_into_the_call(pair: Pair) -> None:
    await pair.ann.page.reload()
    await pair.bob.sees("Waiting")
    await pair.ann.go_in()
    for caller in (pair.ann, pair.bob):
        await caller.sees("Live", seconds=60)


async def test_links_that_do_not_let_in_say_so(pair: Pair) -> None:
    """On the page of a third one, who has no camera; the call goes on."""
    async with browser_page() as browser:
        page = browser.page
        await page.goto(call_link(pair.call, "eve"))
        await expect(page.locator("#lobby-trouble")).to_contain_text("was found")
        await page.click("#join")
        await expect(page.locator("#notice-text")).to_have_text("This call already has two sides.")
        await page.goto("about:blank")
        await page.goto(call_link(pair.call, "ann", minutes=10, now=time.time() - 3600))
        await page.click("#join")
        await expect(page.locator("#notice-text")).to_have_text("This link has expired.")
    for caller in (pair.ann, pair.bob):
        await caller.sees("Live")


async def test_nothing_went_wrong_on_either_page(pair: Pair) -> None:
    for caller, _ in pair.sides:
        assert caller.problems == []


async def test_a_sender_process_and_a_browser_call_each_other(pair: Pair) -> None:
    """Bob's browser leaves; the command takes his place."""
    await pair.bob.page.goto("about:blank")
    await pair.ann.sees("Waiting")
    async with pair.call.sender("--portrait", party="bob"):
        await pair.ann.sees("Live", seconds=40)
        await expect(pair.ann.page.locator("#rebuilt")).to_be_visible()
