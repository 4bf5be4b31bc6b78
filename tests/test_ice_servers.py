"""ICE servers travel in Link headers."""

import pytest
from aiortc.rtcicetransport import parse_stun_turn_uri
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.webrtc.ice_servers import MAX_SERVERS, IceServer, parse_links

STUN = IceServer("stun:stun.example.net")
TURN = IceServer("turn:turn.example.net?transport=udp", "user", "se,cret;")


def test_servers_come_back_from_separate_and_joined_headers() -> None:
    assert parse_links([STUN.link, TURN.link]) == (STUN, TURN)
    assert parse_links([f"{STUN.link}, {TURN.link}"]) == (STUN, TURN)


def test_other_links_and_other_schemes_are_ignored() -> None:
    assert parse_links(['<https://example.net/>; rel="next"']) == ()
    assert parse_links(['<https://example.net/>; rel="ice-server"']) == ()
    assert parse_links(['<stun:a:b:c>; rel="ice-server"', '<stun:[::1]>; rel="ice-server"']) == ()
    assert parse_links(["nonsense", ""]) == ()


@pytest.mark.parametrize(
    "url",
    ["stun:127.0.0.1:3478", "stuns:stun.example.net", "turns:turn.example.net:443?transport=tcp"],
)
def test_what_is_allowed_is_read_by_the_library(url: str) -> None:
    server = IceServer(url, "user", "word")
    assert parse_links([server.link]) == (server,)
    assert parse_stun_turn_uri(url)["host"]


def test_their_number_is_limited() -> None:
    assert len(parse_links([STUN.link] * 100)) == MAX_SERVERS


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=100), max_size=3))
def test_any_text_is_read_safely(values: list[str]) -> None:
    parse_links(values)
