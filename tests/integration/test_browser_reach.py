"""Reaching each other: a link from the start page, through a TURN server alone, two receivers."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import expect

from tests.integration.browser import ServedCall, browser_page, chromium_path, served_call
from tests.integration.calling_browsers import Caller, calling_browser, pictures_of
from tests.integration.turn_server import SECRET as TURN_SECRET
from tests.integration.turn_server import turn_server
from tests.material import call_clip


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


async def _enter(caller: Caller, link: str) -> None:
    await caller.page.add_init_script('localStorage.setItem("automatic-video", "no")')
    await caller.enter(link)


async def test_the_start_page_makes_two_links(tmp_path: Path) -> None:
    async with served_call(tmp_path) as call, browser_page() as browser:
        page = browser.page
        await page.goto(call.url)
        await page.get_by_role("button", name="New call").click()
        own = await page.locator("#own-link").input_value()
        their = await page.locator("#their-link").input_value()
        assert urlsplit(own).fragment.startswith("token=")
        assert own != their
        await page.get_by_role("link", name="Go in").click()
        await expect(page.locator("#lobby-title")).to_be_visible()
        assert browser.problems == []


async def test_who_may_not_start_a_call_is_told_where_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILOCALL_ROOM_CREATION", "nobody")
    async with served_call(tmp_path) as call, browser_page() as browser:
        await browser.page.goto(call.url)
        await browser.page.get_by_role("button", name="New call").click()
        await expect(browser.page.locator("#start-trouble")).to_have_text(
            "Calls are started on the machine that runs this receiver. Ask there for a link."
        )


@pytest.mark.slow
async def test_a_call_goes_through_a_turn_server_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with turn_server(tmp_path) as turn:
        monkeypatch.setenv("KILOCALL_TURN_URLS", f'["{turn.url}"]')
        monkeypatch.setenv("KILOCALL_TURN_SECRET", TURN_SECRET)
        monkeypatch.setenv("KILOCALL_INVITE_MINUTES", "0.4")
        async with (
            served_call(tmp_path, "--tls", "self-signed") as call,
            calling_browser(tmp_path, call_clip("obama"), tone_hz=440) as ann,
            calling_browser(tmp_path, call_clip("conan"), tone_hz=700) as bob,
        ):
            first = await _links(call)
            for caller, link in zip((ann, bob), first, strict=True):
                await _enter(caller, f"{link}&ice=relay")
            for caller in (ann, bob):
                await caller.sees("Live", seconds=60)
            # The links of the beginning live 24 s; those in use are renewed.
            await expect(ann.page).not_to_have_url(f"{first[0]}&ice=relay", timeout=20_000)
            await bob.page.reload()
            await bob.go_in()
            await bob.sees("Live", seconds=60)
        said = turn.log.read_text(errors="replace")
        assert "ALLOCATE processed, success" in said
        assert "CREATE_PERMISSION processed, success" in said


@pytest.mark.slow
async def test_a_room_spans_two_receivers(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        served_call(tmp_path / "one") as here,
        served_call(tmp_path / "two") as there,
        calling_browser(tmp_path, call_clip("obama"), tone_hz=440) as ann,
        calling_browser(tmp_path, call_clip("conan"), tone_hz=700) as bob,
    ):
        links = await _links(here, receivers=[here.url, there.url])
        assert links[0].startswith(here.url)
        assert links[1].startswith(there.url)
        for caller, link in zip((ann, bob), links, strict=True):
            await _enter(caller, link)
        for caller, other in ((ann, bob), (bob, ann)):
            await caller.sees("Live", seconds=60)
            await pictures_of(caller, other)
            heard, own = await caller.loudness_db([other.tone_hz, caller.tone_hz])
            assert heard > own + 20
            assert caller.problems == []
        for receiver in (here, there):
            counted = await _metrics(receiver)
            # Of the other side came parameters and sound, and no picture but its references.
            assert counted['kilocall_parameter_messages_total{reason="datachannel"}'] > 10
            # A browser tries its link with a few empty packets, and no more.
            assert counted.get('kilocall_drops_total{reason="video"}', 0) < 50
            assert counted.get("kilocall_plain_frames_total", 0) == 0
            assert counted['kilocall_sessions{role="publish"}'] == 1
            assert counted['kilocall_sessions{role="play"}'] == 1


async def _links(call: ServedCall, *, receivers: list[str] | None = None) -> list[str]:
    body = {} if receivers is None else {"receivers": receivers}
    async with httpx.AsyncClient(verify=False) as client:
        answer = await client.post(f"{call.url}rooms", json=body)
    return [one["link"] for one in answer.json()["invites"]]


async def _metrics(call: ServedCall) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{call.url}metrics")).text
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}
