"""The page's own decisions: its fallback, loss meter, links and hints. No call is needed."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route

from receiver.invites import invite
from receiver.tokens import Grant, TokenAuthority
from tests.integration.browser import browser_page, chromium_path
from tests.integration.receiver_process import SECRET, running_receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAME_MS = 40
AUTHORITY = TokenAuthority(SECRET)
EVERYTHING_HELD = 2**32 - 1


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page() -> AsyncIterator[Page]:
    """An empty document of the receiver's; nothing in it may go wrong."""
    chromium_path()

    async def empty(route: Route) -> None:
        text = '<!doctype html><link rel="icon" href="data:,">'
        await route.fulfill(content_type="text/html", body=text)

    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.route(f"{receiver.url}/", empty)
        await browser.page.goto(f"{receiver.url}/")
        yield browser.page
        assert browser.problems == []


Frame = tuple[str, float]
"""State of the face and score of the tracker."""

GOOD: Frame = ("tracked", 0.95)


async def _fallback(page: Page, runs: list[tuple[Frame, int]], **wishes: bool) -> list[bool]:
    """Whether video is wanted in each frame of runs of so many milliseconds."""
    frames = [frame for frame, duration in runs for _ in range(duration // FRAME_MS)]
    found: list[bool] = await page.evaluate(
        """
        async ({ frames, wishes, period }) => {
          const { Fallback } = await import("/fallback.js");
          const fallback = Object.assign(new Fallback(), wishes);
          return frames.map(([face, score], i) => {
            const wanted = fallback.update(face, score, i * period);
            if (wanted !== fallback.wantsVideo) throw new Error("two answers");
            return wanted;
          });
        }
        """,
        {"frames": frames, "wishes": wishes, "period": FRAME_MS},
    )
    return found


def _changes(wanted: list[bool]) -> list[tuple[int, bool]]:
    """When video begins or ends to be wanted, in ms."""
    before = [False, *wanted[:-1]]
    return [
        (index * FRAME_MS, now)
        for index, (was, now) in enumerate(zip(before, wanted, strict=True))
        if was != now
    ]


@pytest.mark.parametrize(
    "bad", [("lost", 0.0), ("several", 0.95), ("tracked", 0.6)], ids=["lost", "several", "score"]
)
async def test_two_seconds_turn_the_fallback_on_and_off(page: Page, bad: Frame) -> None:
    wanted = await _fallback(page, [(GOOD, 1000), (bad, 5000), (GOOD, 5000)])
    assert _changes(wanted) == [(3000, True), (8000, False)]


async def test_a_face_at_the_border_is_no_reason(page: Page) -> None:
    assert not any(await _fallback(page, [(("border", 0.9), 6000), (("tracked", 0.75), 6000)]))


async def test_a_call_may_begin_without_a_face(page: Page) -> None:
    wanted = await _fallback(page, [(("lost", 0.0), 6000)])
    assert _changes(wanted) == [(2000, True)]


async def test_different_troubles_count_as_one(page: Page) -> None:
    wanted = await _fallback(
        page, [(GOOD, 400), (("lost", 0.0), 800), (("several", 0.9), 800), (("tracked", 0.5), 800)]
    )
    assert _changes(wanted) == [(2400, True)]


async def test_the_fallback_does_not_flap(page: Page) -> None:
    bad: Frame = ("tracked", 0.5)
    assert not any(await _fallback(page, [(GOOD, 400), (bad, 1960)] * 10))
    once = await _fallback(page, [(bad, 2400), *[(GOOD, 1960), (bad, 400)] * 10])
    assert _changes(once) == [(2000, True)]
    assert not any(await _fallback(page, [(GOOD, 40), (bad, 40)] * 200))


async def test_by_hand_there_is_video_at_once_and_for_good(page: Page) -> None:
    runs = [(GOOD, 3000), (("lost", 0.0), 3000), (GOOD, 3000)]
    assert all(await _fallback(page, runs, byHand=True))
    assert all(await _fallback(page, runs, byHand=True, automatic=False))


async def test_without_leave_tracking_decides_nothing(page: Page) -> None:
    assert not any(await _fallback(page, [(("lost", 0.0), 8000), (GOOD, 800)], automatic=False))


async def test_wishes_hold_at_once(page: Page) -> None:
    found = await page.evaluate(
        """
        async () => {
          const { Fallback, LEAST_SCORE } = await import("/fallback.js");
          const fallback = new Fallback(0.9);
          const wanted = [fallback.wantsVideo];
          fallback.byHand = true;
          wanted.push(fallback.wantsVideo);
          fallback.byHand = false;
          wanted.push(fallback.wantsVideo);
          for (const timeMs of [0, 2000]) fallback.update("tracked", 0.85, timeMs);
          wanted.push(fallback.wantsVideo);
          fallback.automatic = false;
          wanted.push(fallback.wantsVideo);
          fallback.automatic = true;
          wanted.push(fallback.wantsVideo);
          return { wanted, least: LEAST_SCORE };
        }
        """
    )
    assert found == {"wanted": [False, True, False, True, False, True], "least": 0.75}


async def _measure(page: Page, reports: list[tuple[int, int]], period_ms: int = 200) -> list[Any]:
    """What the loss meter answers to each report (newest, held), and its loss."""
    found: list[Any] = await page.evaluate(
        """
        async ({ reports, period }) => {
          const { LossMeter } = await import("/loss_meter.js");
          const meter = new LossMeter();
          return reports.map(([newest, held], i) => {
            const plan = meter.update({ newest, held, delayMs: 0, transitMs: 0 }, i * period);
            return [plan && [plan.framesPerMessage, plan.repeated], meter.loss];
          });
        }
        """,
        {"reports": reports, "period": period_ms},
    )
    return found


def _plans(answers: list[Any]) -> list[tuple[int, list[int]]]:
    """The answers that change something, with their numbers."""
    return [(index, plan) for index, (plan, _) in enumerate(answers) if plan is not None]


def _held(lost_of_32: int) -> int:
    """So many of the last messages are missing, evenly."""
    missing = {index * 32 // lost_of_32 for index in range(lost_of_32)} if lost_of_32 else set()
    return sum(1 << bit for bit in range(32) if bit not in missing)


async def test_without_loss_nothing_changes(page: Page) -> None:
    # From the first message on: bits before it are not messages that were lost.
    reports = [(newest, (1 << min(newest, 32)) - 1) for newest in range(0, 300, 3)]
    answers = await _measure(page, reports)
    assert _plans(answers) == []
    assert {loss for _, loss in answers} == {0}


async def test_a_little_loss_changes_nothing(page: Page) -> None:
    answers = await _measure(page, [(3 * index + 50, _held(2)) for index in range(100)])
    assert _plans(answers) == []
    assert answers[-1][1] == pytest.approx(2 / 32, abs=1e-3)


async def test_loss_repeats_frames_until_five_calm_seconds(page: Page) -> None:
    calm = [EVERYTHING_HELD] * 25
    held = [*calm, *[_held(8)] * 50, *[EVERYTHING_HELD] * 100]
    answers = await _measure(page, [(100 + 3 * index, bits) for index, bits in enumerate(held)])
    [(on, lossy), (off, normal)] = _plans(answers)
    assert lossy == [1, 1]
    assert normal == [2, 0]
    assert answers[on][1] > 0.1
    assert 25 <= on < 35
    below = next(i for i in range(75, len(answers)) if answers[i][1] < 0.05)
    assert off == below + 25  # 5 s of reports 200 ms apart
    assert answers[60][1] == pytest.approx(0.25, abs=0.02)


async def test_a_calm_that_is_broken_starts_again(page: Page) -> None:
    bad, good = [_held(10)] * 20, [EVERYTHING_HELD] * 30
    held = [*bad, *good, *bad, *good, *bad, *good, *[EVERYTHING_HELD] * 30]
    answers = await _measure(page, [(100 + index, bits) for index, bits in enumerate(held)])
    [(on, _), (off, normal)] = _plans(answers)
    assert on < 10
    assert normal == [2, 0]
    assert off > len(held) - 60


async def test_loss_between_the_bounds_keeps_what_is(page: Page) -> None:
    held = [*[_held(8)] * 30, *[_held(2)] * 200]
    answers = await _measure(page, [(100 + index, bits) for index, bits in enumerate(held)])
    assert len(_plans(answers)) == 1


async def test_sequence_numbers_that_start_again_do_no_harm(page: Page) -> None:
    newest = [65_536 - 40 + index for index in range(80)]
    answers = await _measure(page, [(number % 65_536, EVERYTHING_HELD) for number in newest])
    assert _plans(answers) == []
    assert {loss for _, loss in answers} == {0}
    lossy = await _measure(page, [(number % 65_536, _held(8)) for number in newest])
    assert [plan for _, plan in _plans(lossy)] == [[1, 1]]
    assert lossy[-1][1] == pytest.approx(0.25, abs=0.05)


async def test_reports_of_nothing_and_twice_do_no_harm(page: Page) -> None:
    answers = await _measure(page, [(0, 0), (0, 0), (1, 1), (7, 0), (7, 0)])
    assert answers == [[None, 0]] * 5
    twice = await _measure(page, [(100, EVERYTHING_HELD)] * 50 + [(98, EVERYTHING_HELD)])
    assert _plans(twice) == []


def _token(*, publish: bool, play: bool, party: str = "a") -> str:
    grant = Grant(room="room", party=party, publish=publish, play=play)
    return AUTHORITY.issue(grant, minutes=5)


async def _parse(page: Page, addresses: list[str]) -> list[Any]:
    """What each link says: (endpoint, token) to play and to publish with; None: no link."""
    found: list[Any] = await page.evaluate(
        """
        async (addresses) => {
          const { parseLink } = await import("/link.js");
          const place = (found) => found && [found.endpoint, found.token];
          return addresses.map((address) => {
            const link = parseLink(new URL(address));
            return link && [place(link.play), place(link.publish)];
          });
        }
        """,
        addresses,
    )
    return found


async def test_links_say_where_to_play_and_publish(page: Page) -> None:
    both = _token(publish=True, play=True)
    viewer, publisher = _token(publish=False, play=True), _token(publish=True, play=False)
    whip = "https://b.example:8443/kilocall/whip"
    whole = urlencode({"token": viewer, "whip": whip, "whip_token": publisher})
    found = await _parse(
        page,
        [
            f"https://a.example/#token={both}",
            f"https://a.example/#token={viewer}",
            f"https://a.example/#token={publisher}",
            f"https://a.example:8443/call/?x=1#token={both}",
            f"https://a.example/call/index.html#token={viewer}",
            f"https://a.example/#{whole}",
            f"https://a.example/#later=1&token={both}&token=other",
        ],
    )
    own = "https://a.example"
    assert found == [
        [[f"{own}/whep", both], [f"{own}/whip", both]],
        [[f"{own}/whep", viewer], None],
        [None, [f"{own}/whip", publisher]],
        [[f"{own}:8443/call/whep", both], [f"{own}:8443/call/whip", both]],
        [[f"{own}/call/whep", viewer], None],
        [[f"{own}/whep", viewer], [whip, publisher]],
        [[f"{own}/whep", both], [f"{own}/whip", both]],
    ]


@pytest.mark.parametrize("other", ["https://a.example/", "https://b.example:9443/deep/"])
async def test_invites_are_read_as_they_are_meant(page: Page, other: str) -> None:
    invitation = invite(AUTHORITY, ("https://a.example/", other), minutes=5, now=time.time())
    found = await _parse(page, [each.link for each in invitation.invites])
    places = ("https://a.example/", other)
    for index, (play, publish) in enumerate(found):
        assert play[0] == f"{places[index]}whep"
        assert publish[0] == f"{places[1 - index]}whip"
        for token, right in ((play[1], "play"), (publish[1], "publish")):
            grant = AUTHORITY.verify(token)
            assert getattr(grant, right)
            assert grant.party == invitation.invites[index].party


async def test_broken_links_lead_nowhere(page: Page) -> None:
    both, viewer = _token(publish=True, play=True), _token(publish=False, play=True)
    base = f"https://a.example/#token={viewer}"
    play = ["https://a.example/whep", viewer]
    none = ["", "#", "#tok", "#token", "#token=", "#whip=https://b.example/whip", "?token=abc"]
    found = await _parse(
        page,
        [
            *(f"https://a.example/{fragment}" for fragment in none),
            f"{base}&whip=&whip_token={both}",
            f"{base}&whip=b.example/whip&whip_token={both}",
            f"{base}&whip=/whip&whip_token={both}",
            f"{base}&whip=javascript:alert(1)&whip_token={both}",
            f"{base}&whip=file:///etc/passwd&whip_token={both}",
            f"{base}&whip=https://&whip_token={both}",
            f"{base}&whip=https://b.example/whip",
            f"{base}&whip=https://b.example/whip&whip_token=",
            f"https://a.example/#token={both}&whip=nonsense&whip_token={both}",
        ],
    )
    assert found[: len(none)] == [None] * len(none)
    assert found[len(none) : -1] == [[play, None]] * (len(found) - len(none) - 1)
    # A link that names another receiver, though badly, never publishes at this one.
    assert found[-1] == [["https://a.example/whep", both], None]


async def test_tokens_that_say_nothing_are_left_to_the_receiver(page: Page) -> None:
    tokens = ["abc", "a.b.c", "a.bnVsbA.c", "a.W10.c", "a.NQ.c", "..", "a.%%%.c", "\u00e4.\u00e4"]
    key = "k" * 32
    foreign = jwt.encode({"publish": "yes", "play": 1, "party": "\u00e4\u20ac"}, key, "HS256")
    tokens.append(foreign)
    found = await _parse(page, [f"https://a.example/#{urlencode({'token': t})}" for t in tokens])
    assert found == [[["https://a.example/whep", token], None] for token in tokens]


async def test_claims_are_read(page: Page) -> None:
    payloads: list[Any] = [
        {"party": "a", "publish": True, "play": True, "exp": 1_900_000_000},
        {"party": "\u00fcber-\u20ac?>", "note": "~~~???>>>"},
    ]
    tokens = [jwt.encode(payload, "k" * 32, "HS256") for payload in payloads]
    found = await page.evaluate(
        """
        async (tokens) => {
          const { readClaims } = await import("/link.js");
          return tokens.map((token) => JSON.stringify(readClaims(token)));
        }
        """,
        [*tokens, "nothing", "", "a.W10.b", "a.NQ.b", "a.bnVsbA.b"],
    )
    assert [json.loads(text) for text in found[:2]] == payloads
    assert [json.loads(text) for text in found[2:]] == [{}, {}, [], {}, {}]


async def test_fresh_tokens_take_the_place_of_old_ones(page: Page) -> None:
    fields = {"token": "old", "whip": "https://b.example/whip?x=1&y=2", "whip_token": "other"}
    found = await page.evaluate(
        """
        async (hash) => {
          const { refreshAddress, replaceToken } = await import("/link.js");
          const own = replaceToken(hash, "old", "n+e/w=&");
          return {
            own,
            both: replaceToken(own, "other", "another"),
            neither: replaceToken(hash, "nothing", "new"),
            addresses: ["https://b.example/whip", "https://b.example/deep/whip?x=1#y"].map(
              (endpoint) => refreshAddress({ endpoint, token: "t" })),
          };
        }
        """,
        f"#{urlencode(fields)}",
    )
    assert _fields(found["own"]) == {**fields, "token": "n+e/w=&"}
    assert _fields(found["both"]) == {**fields, "token": "n+e/w=&", "whip_token": "another"}
    assert _fields(found["neither"]) == fields
    assert found["addresses"] == ["https://b.example/token", "https://b.example/deep/token"]


def _fields(fragment: str) -> dict[str, str]:
    parsed = parse_qs(urlsplit(fragment).fragment, strict_parsing=True)
    return {name: value for name, [value] in parsed.items()}


async def test_hints_say_what_to_change(page: Page) -> None:
    usual = {"face": "tracked", "score": 0.95, "size": 0.4, "brightness": 120}
    changes: list[dict[str, Any]] = [
        {},
        {"face": "lost", "size": 0, "brightness": 0},
        {"face": "several"},
        {"face": "border", "size": 0.1},
        {"size": 0.2, "brightness": 20},
        {"brightness": 40},
    ]
    found = await page.evaluate(
        """
        async (outputs) => {
          const { trackingHint } = await import("/hints.js");
          return outputs.map((output) => trackingHint(output));
        }
        """,
        [usual | change for change in changes],
    )
    assert [(hint["tone"], hint["text"]) for hint in found] == [
        ("good", "Your face is followed well."),
        ("busy", "No face is seen. Sit before the camera."),
        ("busy", "One face only, please."),
        ("busy", "Move to the middle of the picture."),
        ("busy", "Move closer."),
        ("busy", "More light on your face, please."),
    ]


async def test_each_trouble_with_a_device_has_its_words(page: Page) -> None:
    found = await page.evaluate(
        """
        async () => {
          const { deviceTrouble, noTracking } = await import("/hints.js");
          const { DeviceError } = await import("/devices.js");
          const troubles = ["insecure", "unsupported", "denied", "none", "busy", "failed"];
          return {
            devices: ["camera", "microphone"].map((device) =>
              troubles.map((trouble) => deviceTrouble(new DeviceError(device, trouble)))),
            blocked: noTracking("WebAssembly is blocked"),
            other: noTracking("404"),
          };
        }
        """
    )
    for device, texts in zip(("camera", "microphone"), found["devices"], strict=True):
        assert len(set(texts)) == 6
        assert all(device in text for text in texts)
    assert "WebAssembly is blocked in this browser" in found["blocked"]
    assert "(404)" in found["other"]
    assert all("own picture is sent" in found[name] for name in ("blocked", "other"))


async def test_rates_are_those_of_the_last_two_seconds(page: Page) -> None:
    found = await page.evaluate(
        """
        async () => {
          const { RateMeter } = await import("/rate_meter.js");
          const meter = new RateMeter();
          const rates = [meter.perSecond];
          meter.add(0);
          rates.push(meter.perSecond);
          meter.add(0);
          rates.push(meter.perSecond);
          for (let timeMs = 40; timeMs <= 4000; timeMs += 40) meter.add(timeMs);
          rates.push(meter.perSecond);
          for (let timeMs = 4100; timeMs <= 8000; timeMs += 100) meter.add(timeMs);
          rates.push(meter.perSecond);
          meter.add(60_000);
          rates.push(meter.perSecond);
          return rates;
        }
        """
    )
    assert found == pytest.approx([0, 0, 0, 25, 10, 0])


async def test_what_covers_a_face_is_told_from_what_it_always_has(page: Page) -> None:
    beard, hand = [0.3] * 20, [0.7] * 3
    looks = [*beard, *hand, *beard, *([0.0] * 5), *([0.35] * 2), 0.2]
    found = await page.evaluate(
        """
        async (looks) => {
          const { CoverDetector } = await import("/send/cover_detector.js");
          const detector = new CoverDetector();
          const seen = looks.map((share) => { detector.look(share); return detector.isCovered; });
          detector.reset();
          detector.look(0.9);
          return [...seen, detector.isCovered];
        }
        """,
        looks,
    )
    assert found == [*[False] * 20, *[True] * 3, *[False] * 25, *[True] * 2, False, False]


async def test_something_before_the_face_brings_the_camera(page: Page) -> None:
    found = await page.evaluate(
        """
        async () => {
          const { Fallback } = await import("/fallback.js");
          const fallback = new Fallback();
          return [0, 1000, 2000, 3000, 4999, 5000].map((timeMs) =>
            fallback.update("tracked", 0.95, timeMs, timeMs < 3000));
        }
        """
    )
    assert found == [False, False, True, True, True, False]
