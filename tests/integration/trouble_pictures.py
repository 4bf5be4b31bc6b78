"""Renew docs/troubles.png, what the page looks like in each trouble:
python -m tests.integration.trouble_pictures."""

import asyncio
import io
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont
from playwright.async_api import Page, expect

from receiver.tls import own_addresses
from receiver.tokens import Grant, TokenAuthority
from tests.integration.browser import ServedCall, call_link, launched_page, served_call
from tests.integration.test_browser_trouble import BUSY_DEVICES, FAKE_DEVICES

_SHEET = Path(__file__).parents[2] / "docs" / "troubles.png"
_VIEW = (900, 640)
_CELL = (450, 320)
_LABEL_HEIGHT = 22
_COLUMNS = 3

_Pictures = dict[str, bytes]


async def main() -> None:
    """The fake camera shows no face, the portrait is the other side."""
    pictures: _Pictures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await _lobbies(folder, pictures)
        await _calls(folder, pictures)
    _save(pictures)


async def _lobbies(folder: Path, pictures: _Pictures) -> None:
    async def lobby(label: str, says: str, *arguments: str, script: str = "") -> None:
        async with served_call(folder) as call, _page(*arguments) as page:
            if script:
                await page.add_init_script(script)
            await page.goto(call_link(call, "ann"))
            await expect(page.locator("#lobby-trouble")).to_contain_text(says, timeout=15_000)
            pictures[label] = await page.screenshot()

    await lobby("no devices", "No camera", "--use-fake-ui-for-media-stream")
    await lobby(
        "devices denied",
        "not allowed",
        "--use-fake-device-for-media-stream",
        "--deny-permission-prompts",
    )
    await lobby("devices in use elsewhere", "another program", *FAKE_DEVICES, script=BUSY_DEVICES)
    await lobby("WebAssembly blocked", "WebAssembly", *FAKE_DEVICES, "--js-flags=--jitless")
    address = own_addresses()[0]
    async with served_call(folder, "--host", address) as call, _page(*FAKE_DEVICES) as page:
        await page.goto(call_link(call, "ann"))
        await expect(page.locator("#lobby-trouble")).to_contain_text("secure pages only")
        pictures["plain http from another host"] = await page.screenshot()


async def _calls(folder: Path, pictures: _Pictures) -> None:
    async def ended(label: str, link: Callable[[ServedCall], str], says: str, *others: str) -> None:
        async with (
            served_call(folder) as call,
            _page(*FAKE_DEVICES) as page,
            _parties(call, others),
        ):
            await page.goto(link(call))
            await page.click("#join")
            await expect(page.locator("#notice-text")).to_contain_text(says, timeout=15_000)
            await asyncio.sleep(1)
            pictures[label] = await page.screenshot()

    await ended("link expired", _old_link, "expired")
    await ended("link of another receiver", _foreign_link, "not valid")
    await ended("a third party", lambda call: call_link(call, "cat"), "two sides", "ann", "ben")
    await _watched(
        folder, pictures, "the other side interrupted", _stop, "connection is interrupted"
    )
    async with _page(*FAKE_DEVICES) as page:
        async with served_call(folder) as call:
            await page.goto(call_link(call, "ann"))
            await page.click("#join")
            await expect(page.locator("#notice-text")).to_contain_text("Waiting")
        await expect(page.locator("#connection")).to_have_text("Not connected", timeout=15_000)
        pictures["receiver gone"] = await page.screenshot()


async def _watched(
    folder: Path,
    pictures: _Pictures,
    label: str,
    then: Callable[[int], Awaitable[None]],
    says: str,
) -> None:
    async with (
        served_call(folder) as call,
        _page(*FAKE_DEVICES) as page,
        call.sender("--portrait", party="ben") as sender,
    ):
        await page.goto(call_link(call, "ann"))
        await page.click("#join")
        await expect(page.locator("#connection")).to_have_text("Live", timeout=40_000)
        await then(sender.pid)
        try:
            await expect(page.locator("#notice-text")).to_contain_text(says, timeout=15_000)
            pictures[label] = await page.screenshot()
        finally:
            os.kill(sender.pid, signal.SIGCONT)


async def _stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def _foreign_link(call: ServedCall) -> str:
    grant = Grant(room="call", party="ann", publish=True, play=True)
    authority = TokenAuthority(b"another secret that is long enough, too")
    return f"{call.url}#token={authority.issue(grant, minutes=10)}"


def _old_link(call: ServedCall) -> str:
    return call_link(call, "ann", minutes=1, now=time.time() - 3600)


@asynccontextmanager
async def _page(*arguments: str) -> AsyncIterator[Page]:
    async with launched_page(*arguments) as page:
        await page.set_viewport_size({"width": _VIEW[0], "height": _VIEW[1]})
        yield page


@asynccontextmanager
async def _parties(call: ServedCall, names: tuple[str, ...]) -> AsyncIterator[None]:
    """Others in the call, each a sender."""
    if not names:
        yield
        return
    async with call.sender("--portrait", party=names[0]), _parties(call, names[1:]):
        await asyncio.sleep(2)
        yield


def _save(pictures: _Pictures) -> None:
    rows = -(-len(pictures) // _COLUMNS)
    height = _CELL[1] + _LABEL_HEIGHT
    sheet = PillowImage.new("RGB", (_COLUMNS * _CELL[0], rows * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (label, content) in enumerate(pictures.items()):
        x, y = number % _COLUMNS * _CELL[0], number // _COLUMNS * height
        picture = PillowImage.open(io.BytesIO(content)).convert("RGB").resize(_CELL)
        draw.text((x + 6, y + 3), label, "black", font)
        sheet.paste(picture, (x, y + _LABEL_HEIGHT))
    # 64 colours: a quarter of the bytes, and nobody sees it.
    sheet.quantize(64).save(_SHEET, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
