"""How calls begin and links stay alive, over real HTTP."""

import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from benchmarks.whep_client import WhepClient
from receiver.room_routes import CREATIONS_PER_MINUTE, RoomPolicy
from receiver.tokens import Grant, TokenAuthority
from sender.whip_client import WhipClient, WhipConnection
from shared.errors import SignalingError
from shared.webrtc.ice_servers import IceServer
from shared.webrtc.peer import Peer
from shared.webrtc.signaling import SignalingClient
from tests.integration.receiver_process import RunningReceiver, running_receiver

_NO_ADDRESS = (
    "receiver 'ftp://x', an address like https://host:8080/ of at most 512 characters is allowed"
)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _token(receiver: RunningReceiver, *, now: float | None = None, publish: bool = True) -> str:
    grant = Grant(room="room", party="ann", publish=publish, play=True)
    return receiver.authority.issue(grant, minutes=5, now=now)


async def test_a_new_room_has_two_links() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        answer = await client.post(f"{receiver.url}/rooms", json={})
        assert answer.status_code == 201
        assert answer.headers["cache-control"] == "no-store"
        found = answer.json()
        grants = []
        for one, party in zip(found["invites"], "ab", strict=True):
            assert one["party"] == party
            assert abs(one["expires"] - time.time() - 3600) < 60
            assert one["link"].startswith(f"{receiver.url}/#token=")
            token = parse_qs(urlsplit(one["link"]).fragment)["token"][0]
            assert one["token"] == token
            grants.append(receiver.authority.verify(token))
        assert {grant.room for grant in grants} == {found["room"]}
        empty = await client.post(f"{receiver.url}/rooms")
        assert empty.status_code == 201
        assert empty.json()["room"] != found["room"]


async def test_links_name_the_address_that_others_use() -> None:
    policy = RoomPolicy(public_url="https://calls.example/kilo/")
    async with running_receiver(policy=policy) as receiver, httpx.AsyncClient() as client:
        body = {"receivers": ["https://ben.example/"]}
        own, other = (await client.post(f"{receiver.url}/rooms", json=body)).json()["invites"]
        assert own["link"].startswith("https://calls.example/kilo/#token=")
        assert "whip=https%3A%2F%2Fben.example%2Fwhip&" in own["link"]
        assert other["link"].startswith("https://ben.example/#token=")
        assert "whip=https%3A%2F%2Fcalls.example%2Fkilo%2Fwhip&" in other["link"]


@pytest.mark.parametrize(
    ("policy", "headers", "who"),
    [
        ("nobody", {}, "nobody"),
        ("loopback", {"X-Forwarded-For": "10.0.0.1"}, "browsers on the receiver's own machine"),
        ("loopback", {"Forwarded": "for=10.0.0.1"}, "browsers on the receiver's own machine"),
        ("loopback", {"Host": "evil.example"}, "browsers on the receiver's own machine"),
        ("loopback", {"Origin": "https://evil.example"}, "browsers on the receiver's own machine"),
        ("loopback", {"Origin": "null"}, "browsers on the receiver's own machine"),
        ("loopback", {"Origin": "http://[::1"}, "browsers on the receiver's own machine"),
    ],
)
async def test_not_everybody_makes_rooms(policy: str, headers: dict[str, str], who: str) -> None:
    made = RoomPolicy(creation="nobody" if policy == "nobody" else "loopback")
    async with running_receiver(policy=made) as receiver, httpx.AsyncClient() as client:
        answer = await client.post(f"{receiver.url}/rooms", json={}, headers=headers)
        assert answer.status_code == 403
        assert answer.text == f"rooms are made by {who}; ask for a link\n"
    async with running_receiver(policy=RoomPolicy(creation="anyone")) as receiver:
        answer = await client_post(f"{receiver.url}/rooms", headers)
        assert answer.status_code == 201


async def client_post(url: str, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(url, json={}, headers=headers)


@pytest.mark.parametrize(
    ("content", "status", "sentence"),
    [
        (b"[]", 400, 'the body is not understood, {} or {"receivers": [URL, URL]} allowed'),
        (b"\xff", 400, 'the body is not understood, {} or {"receivers": [URL, URL]} allowed'),
        (
            b'{"receivers": 3}',
            400,
            'the body is not understood, {} or {"receivers": [URL, URL]} allowed',
        ),
        (b'{"receivers": ["a","b","c"]}', 400, "3 receivers, at most 2 allowed"),
        (
            b'{"receivers": ["ftp://x"]}',
            400,
            _NO_ADDRESS,
        ),
        (b" " * 5000, 413, "a body of more than 4096 bytes, no more allowed"),
    ],
)
async def test_wishes_that_are_none(content: bytes, status: int, sentence: str) -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        answer = await client.post(f"{receiver.url}/rooms", content=content)
        assert (answer.status_code, answer.text) == (status, f"{sentence}\n")


async def test_rooms_are_made_at_a_bounded_rate() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        for _ in range(CREATIONS_PER_MINUTE):
            assert (await client.post(f"{receiver.url}/rooms")).status_code == 201
        answer = await client.post(f"{receiver.url}/rooms")
        assert answer.status_code == 429
        assert answer.text == "30 rooms were made this minute, no more allowed\n"


async def test_a_link_in_use_is_renewed_for_a_day_at_most() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        url = f"{receiver.url}/token"
        token = _token(receiver, now=time.time() - 60)
        unused = await client.post(url, headers=_bearer(token))
        assert unused.status_code == 409
        assert unused.text == "ann is not in room room: only links in use are renewed\n"
        peer = Peer()
        async with SignalingClient(f"{receiver.url}/whip", token) as signaling:
            peer.connection.addTransceiver("audio", direction="sendonly")
            answer = await signaling.post(await peer.offer())
            await peer.accept_answer(answer.sdp)
            fresh = await client.post(url, headers=_bearer(token))
            assert fresh.status_code == 200
            found = receiver.authority.read(fresh.json()["token"])
            assert fresh.json()["expires"] == found.expires
            before = receiver.authority.read(token)
            assert (found.grant, found.origin) == (before.grant, before.origin)
            assert abs(found.expires - time.time() - 3600) < 60
            day_old = receiver.authority.issue(
                found.grant, minutes=5, origin=int(time.time()) - 24 * 3600
            )
            over = await client.post(url, headers=_bearer(day_old))
            assert over.status_code == 401
            assert over.text == "token expired for good: a link lives 24 h at most\n"
            almost = receiver.authority.issue(
                found.grant, minutes=1, origin=int(time.time()) - 24 * 3600 + 120
            )
            last = (await client.post(url, headers=_bearer(almost))).json()["token"]
            origin = receiver.authority.read(almost).origin
            assert receiver.authority.read(last).origin == origin
            assert -2 <= receiver.authority.read(last).expires - (origin + 24 * 3600) <= 0
            await peer.close()


async def test_broken_tokens_renew_nothing() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        old = _token(receiver, now=time.time() - 3600)
        stranger = TokenAuthority(b"x" * 32).issue(Grant("room", "ann", True, True), minutes=5)
        for headers, sentence in (
            ({}, "no bearer token in the Authorization header"),
            (_bearer("abc"), "token is no token of ours"),
            (_bearer(old), "token expired, ask for a new one"),
            (_bearer(stranger), "token signed with another secret"),
        ):
            for path in ("token", "preview"):
                answer = await client.post(f"{receiver.url}/{path}", headers=headers)
                assert (answer.status_code, answer.text) == (401, f"{sentence}\n")


async def test_a_preview_is_a_room_of_its_own() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        url = f"{receiver.url}/preview"
        found = (await client.post(url, headers=_bearer(_token(receiver)))).json()
        me, mirror = (receiver.authority.verify(found[key]) for key in ("publish", "play"))
        assert me == Grant(found["room"], "me", publish=True, play=False)
        assert mirror == Grant(found["room"], "mirror", publish=False, play=True)
        for key in ("publish", "play"):
            assert receiver.authority.read(found[key]).expires == found["expires"]
        assert abs(found["expires"] - time.time() - 600) < 60
        again = (await client.post(url, headers=_bearer(_token(receiver)))).json()
        assert again["room"] == found["room"]
        other = receiver.authority.issue(Grant("room", "bob", True, True), minutes=5)
        assert (await client.post(url, headers=_bearer(other))).json()["room"] != found["room"]
        within = await client.post(url, headers=_bearer(found["publish"]))
        assert within.status_code == 403
        assert within.text == f"room {found['room']} is a preview already\n"
        viewer = await client.post(url, headers=_bearer(_token(receiver, publish=False)))
        assert viewer.status_code == 403
        assert viewer.text == "the token of ann does not allow to publish\n"


async def test_a_party_sees_itself_in_its_preview_which_is_one_room_of_those_allowed() -> None:
    async with running_receiver(max_rooms=1) as receiver, httpx.AsyncClient() as client:
        answer = await client.post(f"{receiver.url}/preview", headers=_bearer(_token(receiver)))
        tokens = answer.json()
        me = await _publish(receiver, tokens["publish"])
        mirror = await WhepClient.connect(
            f"{receiver.url}/whep",
            tokens["play"],
            on_video=lambda packet: None,
            on_audio=lambda packet: None,
            on_status=lambda status: None,
            on_bye=lambda reason: None,
        )
        async with me, mirror:
            (stream,) = receiver.streams
            assert len(stream.viewers) == 1
            with pytest.raises(SignalingError) as caught:
                await _publish(receiver, _token(receiver))
            assert caught.value.status == 503
            assert str(caught.value).endswith(": 1 rooms are open, no more allowed")


async def test_a_third_party_is_told_that_the_room_of_two_links_is_full() -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        made = (await client.post(f"{receiver.url}/rooms")).json()
        first, second = [await _publish(receiver, one["token"]) for one in made["invites"]]
        async with first, second:
            third = receiver.authority.issue(Grant(made["room"], "c", True, True), minutes=5)
            with pytest.raises(SignalingError) as caught:
                await _publish(receiver, third)
            assert caught.value.status == 409
            assert str(caught.value).endswith(f": room {made['room']} has 2 parties already")


async def _publish(receiver: RunningReceiver, token: str) -> WhipConnection:
    return await WhipClient.connect(
        f"{receiver.url}/whip",
        token,
        audio_track=None,
        on_control=lambda message: None,
        on_parameters=lambda message: None,
    )


_ORIGIN = {"Origin": "https://other.example"}


async def test_pages_of_other_receivers_may_ask_where_tokens_decide() -> None:
    asked = _ORIGIN | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with running_receiver() as receiver, httpx.AsyncClient() as client:
        for path in ("whip", "whep", "token", "preview", "whip/some-session"):
            preflight = await client.options(f"{receiver.url}/{path}", headers=asked)
            assert (preflight.status_code, preflight.text) == (204, "")
            assert preflight.headers["access-control-allow-origin"] == "*"
            methods = preflight.headers["access-control-allow-methods"].split(", ")
            assert {"POST", "DELETE", "OPTIONS"} <= set(methods)
            allowed = preflight.headers["access-control-allow-headers"].lower().split(", ")
            assert {"authorization", "content-type"} <= set(allowed)
            assert "link" not in preflight.headers
        rooms = await client.post(f"{receiver.url}/rooms", headers=_ORIGIN)
        assert "access-control-allow-origin" not in rooms.headers
        preflight = await client.options(f"{receiver.url}/rooms", headers=asked)
        assert preflight.status_code == 405
        assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("headers", [{}, _ORIGIN])
async def test_every_answer_where_tokens_decide_can_be_read_by_other_pages(
    headers: dict[str, str],
) -> None:
    static = IceServer("stun:stun.example.net")
    async with running_receiver(ice_servers=(static,)) as receiver, httpx.AsyncClient() as client:
        ann = headers | _bearer(_token(receiver))
        offered = ann | {"Content-Type": "application/sdp"}
        for method, path, sent, status in (
            ("POST", "whip", headers, 401),
            ("POST", "whip", ann, 415),
            ("POST", "whip", offered, 400),
            ("OPTIONS", "whip", ann, 204),
            ("GET", "whep", ann, 405),
            ("PATCH", "whep/some-session", ann, 405),
            ("DELETE", "whep/some-session", ann, 404),
            ("POST", "token", ann, 409),
            ("POST", "preview", ann, 200),
            ("GET", "preview", ann, 404),
        ):
            answer = await client.request(method, f"{receiver.url}/{path}", headers=sent)
            assert answer.status_code == status, (method, path)
            assert answer.headers.get_list("access-control-allow-origin") == ["*"]
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert {"Location", "Link", "ETag", "WWW-Authenticate"} <= set(exposed)
            # Those who may call are still told the servers, by an OPTIONS that is no preflight.
            assert answer.headers.get("link") == (static.link if method == "OPTIONS" else None)


async def test_a_failure_of_ours_can_be_told_from_a_receiver_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_receiver() as receiver, httpx.AsyncClient() as client:

        def fail(grant: Grant) -> bool:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(receiver.calls, "has_session", fail)
        answer = await client.post(
            f"{receiver.url}/token", headers=_ORIGIN | _bearer(_token(receiver))
        )
        assert (answer.status_code, answer.text) == (500, "the receiver failed\n")
        assert answer.headers["access-control-allow-origin"] == "*"
