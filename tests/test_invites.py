"""Invites: what links carry, for one receiver and for two, and which addresses are refused."""

from urllib.parse import parse_qs, urlsplit

import pytest

from receiver.invites import Invite, invite, page_address
from receiver.tokens import Grant, TokenAuthority
from shared.errors import ConfigError

_NOW = 1_800_000_000.0
_AUTHORITY = TokenAuthority(b"a secret of these tests, long enough")


def _fields(one: Invite) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(one.link).fragment).items()}


def _grant(token: str) -> Grant:
    return _AUTHORITY.verify(token)


def test_one_receiver_needs_one_token() -> None:
    made = invite(
        TokenAuthority(b"a secret of these tests, long enough"),
        ("https://a.example", "https://a.example/"),
        minutes=60 * 24 * 360,
        now=_NOW,
    )
    for one, party in zip(made.invites, "ab", strict=True):
        assert one.link.startswith("https://a.example/#token=")
        assert one.expires == _NOW + 60 * 60 * 24 * 360
        assert _fields(one) == {"token": one.token}
        assert _grant(_fields(one)["token"]) == Grant(made.room, party, publish=True, play=True)


def test_of_two_receivers_each_party_plays_at_its_own_and_publishes_at_the_others() -> None:
    pages = ("https://a.example/", "http://127.0.0.1:8081/call/")
    made = invite(_AUTHORITY, pages, minutes=60 * 24 * 360, now=_NOW)
    for index, (one, party) in enumerate(zip(made.invites, "ab", strict=True)):
        fields = _fields(one)
        assert one.link.startswith(f"{pages[index]}#")
        assert fields["token"] == one.token
        assert fields["whip"] == f"{pages[1 - index]}whip"
        assert _grant(fields["token"]) == Grant(made.room, party, publish=False, play=True)
        assert _grant(fields["whip_token"]) == Grant(made.room, party, publish=True, play=False)


def test_every_room_is_another() -> None:
    pages = ("http://localhost:1/", "http://localhost:1/")
    rooms = {invite(_AUTHORITY, pages, minutes=1, now=_NOW).room for _ in range(50)}
    assert len(rooms) == 50


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a.example",
        "ftp://a.example/",
        "https://",
        "https://name:word@a.example/",
        "https://a.example/#token=x",
        "https://a.example/?x=1",
        "https://a.example:99999/",
        "https://a ex.example/",
        "https://a.example/" + "x" * 600,
        "https://a\\b/",
        'https://a.example/"',
        "https://a.example/<b>",
        "https://[::1/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        page_address(address)
    assert str(caught.value) == (
        f"receiver {address[:60]!r}, an address like https://host:8080/ of at most 512 characters "
        "is allowed"
    )
