"""What a caller is told when something is missing, and the way on that each trouble has."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from receiver.tls import own_addresses
from receiver.tokens import Grant, TokenAuthority
from tests.integration.browser import SECRET, chromium_path, launched_page, served_call
from tests.integration.calling_browsers import calling_browser
from tests.material import call_clip


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


def _link(url: str, party: str = "ann", *, secret: str = SECRET) -> str:
    grant = Grant(room="call", party=party, publish=True, play=True)
    return f"{url}#token={TokenAuthority(secret.encode()).issue(grant, minutes=10)}"


FAKE_DEVICES = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@pytest.mark.parametrize(
    ("arguments", "troubles"),
    [
        (
            ("--use-fake-ui-for-media-stream",),
            ("No camera was found.", "No microphone was found."),
        ),
        (
            ("--use-fake-device-for-media-stream", "--deny-permission-prompts"),
            ("The camera was not allowed.", "The microphone was not allowed."),
        ),
        (
            (*FAKE_DEVICES, "--js-flags=--jitless"),
            ("WebAssembly is blocked in this browser, so your face cannot be followed.",),
        ),
    ],
    ids=["none", "denied", "no WebAssembly"],
)
async def test_what_is_missing_is_named_and_one_may_go_in(
    tmp_path: Path, arguments: tuple[str, ...], troubles: tuple[str, ...]
) -> None:
    async with served_call(tmp_path) as call, launched_page(*arguments) as page:
        await page.goto(_link(call.url))
        for trouble in troubles:
            await expect(page.locator("#lobby-trouble")).to_contain_text(trouble, timeout=15_000)
        await page.click("#join")
        waiting = "Waiting for the other side to join."
        await expect(page.locator("#notice-text")).to_have_text(waiting, timeout=15_000)


BUSY_DEVICES = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.devicesAreBusy = true;
navigator.mediaDevices.getUserMedia = async (wish) => {
  if (window.devicesAreBusy) throw new DOMException("Device in use", "NotReadableError");
  return open(wish);
};
"""
"""Devices that another program holds: Chromium's fake ones are never busy."""


async def test_devices_in_use_elsewhere_are_named_until_they_are_free(tmp_path: Path) -> None:
    async with served_call(tmp_path) as call, launched_page(*FAKE_DEVICES) as page:
        await page.add_init_script(BUSY_DEVICES)
        await page.goto(_link(call.url))
        told = page.locator("#lobby-trouble")
        for device in ("camera", "microphone"):
            trouble = f"The {device} is used by another program."
            await expect(told).to_contain_text(trouble, timeout=15_000)
        await page.evaluate("window.devicesAreBusy = false")
        for device in ("camera", "microphone"):
            await page.locator(f"#{device}-choice").dispatch_event("change")
            gone = f"The {device} is used by another program."
            await expect(told).not_to_contain_text(gone, timeout=15_000)
        await expect(told).to_be_hidden()
        await page.click("#join")
        waiting = "Waiting for the other side to join."
        await expect(page.locator("#notice-text")).to_have_text(waiting, timeout=15_000)


async def test_without_tracking_the_cameras_own_picture_is_sent(tmp_path: Path) -> None:
    async with (
        served_call(tmp_path) as call,
        launched_page(*FAKE_DEVICES, "--js-flags=--jitless") as page,
        launched_page(*FAKE_DEVICES) as other,
    ):
        await page.goto(_link(call.url))
        await expect(page.locator("#hint")).to_have_text("Not followed", timeout=15_000)
        await page.click("#join")
        await other.goto(_link(call.url, "bob"))
        await other.click("#join")
        await expect(other.locator("#real")).to_be_visible(timeout=20_000)


async def test_a_page_that_is_not_secure_says_how_to_get_a_camera(tmp_path: Path) -> None:
    address = own_addresses()[0]
    async with (
        served_call(tmp_path, "--host", address) as call,
        launched_page(*FAKE_DEVICES) as page,
    ):
        await page.goto(_link(call.url))
        await expect(page.locator("#lobby-trouble")).to_contain_text("secure pages only")


@pytest.mark.slow
async def test_while_the_face_is_away_the_camera_steps_in(tmp_path: Path) -> None:
    async with (
        served_call(tmp_path) as call,
        calling_browser(tmp_path, call_clip("obama"), tone_hz=440, blank_seconds=6) as ann,
        launched_page(*FAKE_DEVICES) as other,
    ):
        await ann.enter(_link(call.url))
        await other.goto(_link(call.url, "bob"))
        await other.click("#join")
        own = ann.page.locator("#self-state")
        await expect(other.locator("#rebuilt")).to_be_visible(timeout=40_000)
        await expect(other.locator("#real")).to_be_visible(timeout=20_000)
        await expect(own).to_have_text("Real video")
        await expect(other.locator("#rebuilt")).to_be_visible(timeout=20_000)
        await expect(own).not_to_have_text("Real video")


@pytest.mark.slow
async def test_a_receiver_that_starts_anew_is_found_again(tmp_path: Path) -> None:
    async with calling_browser(tmp_path, call_clip("obama"), tone_hz=440) as ann:
        async with served_call(tmp_path) as call:
            port = call.url.rstrip("/").rsplit(":", 1)[1]
            await ann.page.goto(_link(call.url))
            await ann.go_in()
            await ann.sees("Waiting")
            await call.receiver.stop()
            await ann.sees("Not connected")
        async with served_call(tmp_path, "--port", port) as again:
            await ann.sees("Waiting", seconds=40)
            async with again.sender("--portrait", party="bob"):
                await ann.sees("Live", seconds=40)


async def test_a_receiver_with_another_secret_ends_the_call(tmp_path: Path) -> None:
    async with served_call(tmp_path) as call, launched_page(*FAKE_DEVICES) as page:
        await page.goto(_link(call.url, secret="another secret that is long enough, too"))
        await page.click("#join")
        await expect(page.locator("#notice-text")).to_have_text("This link is not valid here.")
