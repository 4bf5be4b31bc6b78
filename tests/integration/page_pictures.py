"""Renew the documentation's pictures of the page: python -m tests.integration.page_pictures."""

import asyncio
import io
import tempfile
from pathlib import Path

from PIL import Image as PillowImage
from playwright.async_api import Page

from sender.portrait import MovedPortrait
from shared.shipped_generators import default_generator
from tests.integration.browser import call_link, served_call
from tests.integration.calling_browsers import CAMERA_FPS, calling_browser
from tests.portrait_clip import write_portrait_clip

_DOCS = Path(__file__).parents[2] / "docs"


async def main() -> None:
    """The portrait calls itself: no other face may be shown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = write_portrait_clip(folder / "portrait.mp4", frames=MovedPortrait().frame_count // 3)
        (folder / "phone").mkdir()
        async with (
            served_call(folder, generator=default_generator()) as call,
            calling_browser(folder, clip, tone_hz=440, width=1000, height=760) as ann,
            calling_browser(
                folder / "phone", clip, tone_hz=700, dark=True, width=390, height=780
            ) as ben,
        ):
            for caller, party in ((ann, "Ann"), (ben, "Ben")):
                await caller.page.goto(call_link(call, party.lower()))
                await caller.page.fill("#name", party)
                await caller.page.wait_for_selector("#retake:enabled", timeout=60_000)
            await ann.page.click("#preview")
            await ann.page.wait_for_function(
                "() => document.getElementById('rebuilt-self').videoWidth > 0", timeout=30_000
            )
            await asyncio.sleep(3)
            await _shoot(ann.page, "lobby.png")
            for caller in (ann, ben):
                await caller.page.click("#join")
            for caller in (ann, ben):
                await caller.sees("Live", seconds=60)
            await asyncio.sleep(60 / CAMERA_FPS + 4)  # the references are there, the rate is calm
            await _shoot(ann.page, "call.png")
            await _shoot(ben.page, "call_phone.png")


async def _shoot(page: Page, name: str) -> None:
    # Chromium calls a film by its path.
    await page.eval_on_selector_all(
        "#camera-choice option", "all => all.forEach((one) => (one.textContent = 'Camera'))"
    )
    shot = PillowImage.open(io.BytesIO(await page.screenshot())).convert("RGB")
    # 128 colours: a quarter of the bytes, and nobody sees it.
    shot.quantize(128).save(_DOCS / name, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
