"""Credentials of a TURN server that shares a secret."""

import base64
import hashlib
import hmac

import pytest

from shared.errors import ConfigError
from shared.webrtc.turn_credentials import TurnSecret


def test_they_are_what_coturn_computes() -> None:
    turn = TurnSecret(("turn:a:3478", "turns:a:5349?transport=tcp"), "s3cret", 3600)
    first, second = turn.servers("ann", now=1_800_000_000.7)
    assert first.username == "1800003600:ann"
    expected = hmac.new(b"s3cret", b"1800003600:ann", hashlib.sha1).digest()
    assert base64.b64decode(first.credential) == expected
    assert (second.url, second.username) == ("turns:a:5349?transport=tcp", first.username)
    assert turn.servers("ann", now=1_800_000_001)[0].credential != first.credential
    assert turn.servers("bob", now=1_800_000_000.7)[0].credential != first.credential


@pytest.mark.parametrize("url", ["stun:a:3478", "turn:", "turn:[::1]:3478", "http://a"])
def test_other_servers_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        TurnSecret((url,), "s3cret", 60)


def test_a_secret_and_a_lifetime_are_needed() -> None:
    for secret, seconds in (("", 60), ("s", 0)):
        with pytest.raises(ConfigError, match="need a secret and a lifetime above 0 s"):
            TurnSecret(("turn:a",), secret, seconds)
