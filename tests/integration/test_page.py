"""The page in a real browser: it plays a call, says how it stands, and hears no errors."""

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import av
import msgpack
import numpy as np
import pytest
from PIL import Image as PillowImage
from playwright.async_api import Page, expect

from receiver.app import PAGE_FOLDER
from receiver.status_message import PlayerStatus, pack_farewell, pack_status
from receiver.tokens import Grant
from shared.control_message import ByeReason
from tests.integration.browser import browser_page, chromium_path, served_call
from tests.integration.receiver_process import RunningReceiver, running_receiver

# One loop for all: aioice keeps the lock of its mDNS responder, whose names browsers offer, for the
# life of the process.
pytestmark = pytest.mark.asyncio(loop_scope="module")

_PORTRAIT = Path(__file__).parents[2] / "shared" / "assets" / "portrait" / "portrait.webp"
_FIRST_PICTURE_MS = 30_000

_COUNT_PICTURES = """
async (milliseconds) => {
  const video = document.getElementById("picture");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let pictures = 0, changed = 0, before = null;
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    context.drawImage(video, 0, 0, 64, 64);
    const pixels = context.getImageData(0, 0, 64, 64).data;
    let difference = 0;
    for (let i = 0; before && i < pixels.length; i++) difference += Math.abs(pixels[i] - before[i]);
    if (difference / pixels.length > 0.2) changed++;
    before = pixels;
    pictures++;
  }
  return { pictures, changed, width: video.videoWidth };
}
"""


_TELL_MUTED = """
document.addEventListener("volumechange", (event) => {
  console.debug(`muted: ${event.target.muted}`);
}, true);
"""


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


async def _live(page: Page) -> None:
    await expect(page.locator("#connection")).to_have_text("Live", timeout=_FIRST_PICTURE_MS)


async def _statistics(page: Page) -> dict[str, str]:
    found = await page.eval_on_selector_all(
        "#statistics dd", "all => Object.fromEntries(all.map(dd => [dd.id, dd.textContent]))"
    )
    return dict(found)


async def test_a_call_is_played_and_its_end_is_told(tmp_path: Path) -> None:
    async with served_call(tmp_path) as call, browser_page() as browser:
        page = browser.page
        await page.goto(call.link())
        notice = page.locator("#notice-text")
        await expect(notice).to_have_text("Waiting for the other side to join.", timeout=15_000)
        async with call.sender("--portrait"):
            await _live(page)
            seen = await page.evaluate(_COUNT_PICTURES, 3000)
            assert seen["width"] == 256
            assert seen["pictures"] >= 20
            assert seen["changed"] >= 10
            await expect(page.locator("#rebuilt")).to_be_visible()
            await expect(page.locator("#wire")).not_to_have_text("–")
            await expect(page.locator("#latency")).not_to_have_text("–", timeout=15_000)
            texts = await _statistics(page)
            assert texts["generator"] == "warp"
            assert texts["transport"] == "data channel"  # there is no sound
            assert texts["fps"].endswith(" fps")
            for rate in ("wire", "wire-back", "hop"):
                assert float(texts[rate].removesuffix(" kbit/s")) > 0
            assert browser.problems == []
        left = "The other side has left. Waiting for them to come back."
        await expect(notice).to_have_text(left, timeout=10_000)
        assert browser.problems == []
        assert await call.receiver.stop() == 0
        await expect(page.locator("#connection")).to_have_text("Not connected", timeout=10_000)
        await expect(page.locator("#retry")).to_be_visible()


async def test_over_https_a_click_brings_the_sound(tmp_path: Path) -> None:
    film = tmp_path / "portrait.mp4"
    _write_film(film)
    async with (
        served_call(tmp_path, "--tls", "self-signed") as call,
        browser_page(width=390, height=780) as browser,
    ):
        page = browser.page
        assert call.url.startswith("https://")
        async with call.sender("--video", str(film)):
            await page.add_init_script(_TELL_MUTED)
            # Whatever Playwright evaluates counts as a click, so wait without.
            async with page.expect_console_message(
                lambda message: message.text == "muted: true", timeout=_FIRST_PICTURE_MS
            ):
                await page.goto(call.link())
            await _live(page)
            hear = page.get_by_role("button", name="Click to hear")
            await expect(hear).to_be_visible()
            assert await page.eval_on_selector("#picture", "video => video.muted")
            await hear.press("Enter")
            await expect(hear).to_be_hidden()
            assert not await page.eval_on_selector("#picture", "video => video.muted")
            sound = page.get_by_role("button", name="Sound", exact=True)
            await expect(sound).to_have_attribute("aria-pressed", "true")
            await sound.click()
            await expect(sound).to_have_attribute("aria-pressed", "false")
            inside = "in the sound"
            await expect(page.locator("#transport")).to_have_text(inside, timeout=15_000)
            await page.get_by_role("button", name="Statistics").click()
            await expect(page.locator("#statistics")).to_be_hidden()
            overflow = "document.documentElement.scrollWidth - innerWidth"
            assert await page.evaluate(overflow) <= 0
        assert browser.problems == []


def _link(receiver: RunningReceiver, **changes: Any) -> str:
    allowed = {"publish": False, **changes}
    return f"{receiver.url}/#token={receiver.token('viewer', **allowed)}"


async def test_links_that_cannot_be_used_say_why() -> None:
    async with running_receiver() as receiver, browser_page() as browser:
        expired = Grant(room="room", party="viewer", publish=False, play=True)
        old = receiver.authority.issue(expired, minutes=1, now=time.time() - 3600)
        notice = browser.page.locator("#notice-text")
        for link, text in (
            (f"{receiver.url}/#token={old}", "This link has expired."),
            (f"{receiver.url}/#token=abc", "This link is not valid here."),
            (_link(receiver, play=False), "This link does not allow watching."),
            (f"{receiver.url}/#tok", "This link is not complete."),
        ):
            # By way of another page: a new fragment alone reloads nothing.
            await browser.page.goto("about:blank")
            await browser.page.goto(link)
            await expect(notice).to_have_text(text)
            await expect(browser.page.locator("#connection")).to_have_text("Ended")
        # A fragment that changes is a new link.
        await browser.page.goto(_link(receiver))
        await expect(notice).to_have_text("Waiting for the other side to join.", timeout=15_000)


async def test_a_second_window_takes_the_call_over() -> None:
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(_link(receiver))
        notice = browser.page.locator("#notice-text")
        await expect(notice).to_have_text("Waiting for the other side to join.", timeout=15_000)
        other = await browser.page.context.new_page()
        await other.goto(_link(receiver))
        await expect(notice).to_have_text("This call went on in another window.", timeout=15_000)
        await expect(other.locator("#connection")).to_have_text("Waiting", timeout=15_000)


async def test_modules_read_what_the_receiver_writes() -> None:
    """msgpack, status messages and Link headers, in the browser's own JavaScript."""
    values = [
        *(None, True, False, 0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1),
        *(-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**53) + 1),
        *(0.5, -1e300, "", "ä" * 20, "x" * 40, "y" * 300, "z" * 70_000, [], [1, [2, "3"]]),
        *(list(range(20)), {}, {"a": {"b": [None]}}, {str(i): i for i in range(20)}),
    ]
    status = PlayerStatus(
        present=True,
        life="alive",
        latency_ms={"p50": 1.5, "p95": 2.0},
        transport="inband",
        loss=0.1,
    )
    broken = [
        b"",
        b"\xc1",
        b"\xd4\x00a",
        b"\xa2a",
        b"\x81\x01\x02",
        b"\xdd\xff\xff\xff\xff",
        b"\x00\x00",
    ]
    broken += [b"\x91" * 50 + b"\xc0", b"\xa1\xff", b"\xcf\x00"]
    links = (
        '<stun:one.example>; rel="ice-server", <turn:two.example?transport=udp>; rel="ice-server"; '
        'username="a,b"; credential="c;d"; credential-type="password", <https://x>; rel="next"'
    )
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(receiver.url)
        found = await browser.page.evaluate(
            """
            async ({ good, bad, status, bye, links }) => {
              const { decodeMsgpack, MsgpackError } = await import("/msgpack.js");
              const { parseStatus } = await import("/status.js");
              const { parseIceServers } = await import("/signaling.js");
              const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
              const refused = (text) => {
                try { decodeMsgpack(bytes(text)); return false; }
                catch (error) { return error instanceof MsgpackError; }
              };
              return {
                good: good.map((text) => JSON.stringify(decodeMsgpack(bytes(text)))),
                bad: bad.map(refused),
                status: parseStatus(bytes(status).buffer),
                bye: parseStatus(bytes(bye).buffer),
                links: parseIceServers(links),
              };
            }
            """,
            {
                "good": [_base64(msgpack.packb(value)) for value in values],
                "bad": [_base64(data) for data in broken],
                "status": _base64(pack_status(status)),
                "bye": _base64(pack_farewell(ByeReason.SHUTDOWN)),
                "links": links,
            },
        )
    assert [json.loads(text) for text in found["good"]] == values
    assert found["bad"] == [True] * len(broken)
    assert found["status"] == {
        "kind": "status",
        "status": {
            "present": True,
            "life": "alive",
            "transport": "inband",
            "loss": 0.1,
            "latency_ms": {"p50": 1.5, "p95": 2.0},
        },
    }
    assert found["bye"] == {"kind": "bye", "reason": "shutdown"}
    assert found["links"] == [
        {"urls": "stun:one.example"},
        {"urls": "turn:two.example?transport=udp", "username": "a,b", "credential": "c;d"},
    ]


async def test_a_link_too_thin_for_the_call_is_told_in_words() -> None:
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(receiver.url)
        found = await browser.page.evaluate(
            """
            async (statuses) => {
              const { describe } = await import("/words.js");
              const { parseStatus } = await import("/status.js");
              return statuses.map((text) => {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                const { status } = parseStatus(bytes.buffer);
                const state = { phase: "open", status, met: true, silent: false };
                const { tone, notice, detail } = describe(state, 0);
                return [tone, notice, detail];
              });
            }
            """,
            [
                _base64(
                    pack_status(
                        PlayerStatus(
                            present=True, life="alive", waiting=waiting, state=face, thin=thin
                        )
                    )
                )
                for waiting, face, thin in (
                    (False, "tracked", False),
                    (False, "tracked", True),
                    (False, "lost", True),
                    (True, "tracked", True),
                )
            ],
        )
    slow = "Their connection is very slow."
    assert found == [
        ["good", "", ""],
        ["busy", slow, ""],
        ["busy", "Their face is out of sight.", slow],
        ["busy", "The first picture is on its way.", slow],
    ]


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    vendor = PAGE_FOLDER / "vendor"
    paths = [path for path in PAGE_FOLDER.rglob("*.*") if vendor not in path.parents]
    assert len({path.parent for path in paths}) > 1
    for path in paths:
        assert path.suffix in (".js", ".html", ".css", ".svg")
        text = path.read_text()
        for line in text.splitlines():
            is_name = 'xmlns="http://www.w3.org/2000/svg"' in line or line.lstrip()[:1] == "*"
            assert is_name or not re.search(r"https?://\w|//cdn", line), f"{path.name}: {line}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write_film(path: Path) -> None:
    """Two seconds of the portrait, drifting by some pixels, with a tone."""
    portrait = np.array(PillowImage.open(_PORTRAIT).convert("RGB"))
    side = min(portrait.shape[:2]) // 2 * 2 - 16
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width = video.height = side
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=48_000)
        audio.layout = "mono"
        for index in range(50):
            shift = round(8 + 7 * np.sin(index * 2 * np.pi / 50))
            picture = np.ascontiguousarray(portrait[8 : 8 + side, shift : shift + side])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        tone = 0.2 * np.sin(np.arange(96_000) * 2 * np.pi * 440 / 48_000)
        for index in range(0, 96_000 - 1024, 1024):
            samples = tone[None, index : index + 1024].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, index
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
