"""Tokens: what is granted comes back, what is wrong is named."""

import stat
import time
from pathlib import Path

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.tokens import Grant, TokenAuthority, bearer_token, load_or_create_secret
from shared.errors import ConfigError, SignalingError

AUTHORITY = TokenAuthority(b"k" * 32)
GRANT = Grant(room="living-room", party="ann", publish=True, play=False)


def refusal(token: str) -> str:
    with pytest.raises(SignalingError) as caught:
        AUTHORITY.verify(token)
    assert caught.value.status == 401
    return str(caught.value)


def test_a_grant_comes_back() -> None:
    assert AUTHORITY.verify(AUTHORITY.issue(GRANT, minutes=1)) == GRANT


def test_what_is_wrong_with_a_token_is_named() -> None:
    expired = AUTHORITY.issue(GRANT, minutes=1, now=time.time() - 3600)
    assert refusal(expired) == "token expired, ask for a new one"
    stranger = TokenAuthority(b"x" * 32).issue(GRANT, minutes=1)
    assert refusal(stranger) == "token signed with another secret"
    assert refusal("abc") == "token is no token of ours"
    assert refusal("a" * 3000) == "token of 3000 characters, at most 2048 allowed"
    endless = jwt.encode({"room": "r", "party": "p"}, b"k" * 32, "HS256")
    assert refusal(endless) == "token without the claim exp"
    claims = {"exp": time.time() + 60, "room": "../etc", "party": "p"}
    assert refusal(jwt.encode(claims, b"k" * 32, "HS256")) == (
        "token with room '../etc', 1 to 64 of A-Z a-z 0-9 _ . - allowed"
    )
    unsigned = jwt.encode({"exp": time.time() + 60, "room": "r", "party": "p"}, "", "none")
    assert refusal(unsigned) == "token is no token of ours"


def test_rights_that_are_not_true_are_not_given() -> None:
    claims = {"exp": time.time() + 60, "room": "r", "party": "p", "publish": "yes", "play": 1}
    grant = AUTHORITY.verify(jwt.encode(claims, b"k" * 32, "HS256"))
    assert (grant.publish, grant.play) == (False, False)


def test_a_token_is_renewed_until_its_line_is_over_and_never_shortened() -> None:
    now = time.time()
    first = AUTHORITY.issue(GRANT, minutes=5, now=now)
    begun = AUTHORITY.read(first).origin
    fresh = AUTHORITY.read(AUTHORITY.renew(first, minutes=60, life_minutes=600, now=now))
    assert (fresh.grant, fresh.origin, fresh.expires) == (GRANT, begun, int(now + 3600))
    for later in (now + seventh / 7 for seventh in range(50)):  # whole to the second, whenever
        last = AUTHORITY.read(AUTHORITY.renew(first, minutes=60, life_minutes=10, now=later))
        assert last.expires == begun + 600
    long = AUTHORITY.issue(GRANT, minutes=600, now=now)
    assert AUTHORITY.renew(long, minutes=60, life_minutes=6000, now=now) == long
    with pytest.raises(SignalingError) as caught:
        AUTHORITY.renew(long, minutes=60, life_minutes=90, now=now + 5400)
    assert caught.value.status == 401
    assert str(caught.value) == "token expired for good: a link lives 1.5 h at most"


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200))
def test_any_text_is_refused_cleanly(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer   "])
def test_a_header_without_a_bearer_token_is_refused(header: str | None) -> None:
    with pytest.raises(SignalingError, match="no bearer token in the Authorization header"):
        bearer_token(header)


def test_the_scheme_is_case_insensitive() -> None:
    assert bearer_token("bearer abc") == "abc"


def test_short_secrets_and_endless_tokens_are_refused() -> None:
    with pytest.raises(ConfigError, match="token secret of 5 bytes, at least 32 allowed"):
        TokenAuthority(b"short")
    with pytest.raises(ConfigError, match="a token of 0 minutes"):
        AUTHORITY.issue(GRANT, minutes=0)


def test_the_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "token_secret"
    secret = load_or_create_secret(path)
    assert len(secret) >= 32
    assert load_or_create_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_secret_of_any_bytes_is_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe" * 20 + b"\n")
    TokenAuthority(load_or_create_secret(path))
    path.write_bytes(b"short\n")
    with pytest.raises(ConfigError, match="token secret of 5 bytes"):
        TokenAuthority(load_or_create_secret(path))
