"""Bearer tokens: who may publish or play in which room, until when (JWT, RFC 7519, HS256)."""

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import jwt

from shared.errors import ConfigError, SignalingError

ALGORITHM = "HS256"
MIN_SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key of the hash's size or larger."""

MAX_TOKEN_CHARACTERS = 2048
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows."""

    room: str
    party: str
    publish: bool
    play: bool

    def __post_init__(self) -> None:
        for field, name in (("room", self.room), ("party", self.party)):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ConfigError(
                    f"{field} {str(name)[:64]!r}, 1 to 64 of A-Z a-z 0-9 _ . - allowed"
                )


@dataclass(frozen=True, slots=True)
class Pass:
    """A token that was found to be good."""

    grant: Grant
    origin: int
    """Unix seconds of the first token of its line; each renewal keeps it."""

    expires: int
    """Unix seconds."""


class TokenAuthority:
    """Issues and verifies tokens with one secret."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ConfigError(
                f"token secret of {len(secret)} bytes, at least {MIN_SECRET_BYTES} allowed"
            )
        self._secret = secret

    def issue(
        self,
        grant: Grant,
        *,
        minutes: float,
        now: float | None = None,
        origin: int | None = None,
    ) -> str:
        """A token for `minutes` from `now` (Unix seconds, the present by default)."""
        if not 0 < minutes <= 60 * 24 * 366:
            raise ConfigError(f"a token of {minutes:g} minutes, more than 0 up to a year allowed")
        issued = time.time() if now is None else now
        return self._signed(
            grant,
            issued=issued,
            origin=issued if origin is None else origin,
            expires=issued + minutes * 60,
        )

    def _signed(self, grant: Grant, *, issued: float, origin: float, expires: float) -> str:
        """Times in Unix seconds, which the token holds whole."""
        return jwt.encode(
            {
                "room": grant.room,
                "party": grant.party,
                "publish": grant.publish,
                "play": grant.play,
                "iat": int(issued),
                "origin": int(origin),
                "exp": int(expires),
            },
            self._secret,
            ALGORITHM,
        )

    def renew(self, token: str, *, minutes: float, life_minutes: float, now: float) -> str:
        """A token of the same grant for `minutes` from `now`, at most until its line is over.

        Never one that ends sooner than `token`, which is then given back as it is.
        Raises SignalingError(401) for a token that is none, or a line of `life_minutes` or more.
        """
        found = self.read(token)
        end = found.origin + life_minutes * 60
        if end <= now:
            raise SignalingError(
                401, f"token expired for good: a link lives {life_minutes / 60:g} h at most"
            )
        expires = min(now + minutes * 60, end)
        if expires <= found.expires:
            return token
        return self._signed(found.grant, issued=now, origin=found.origin, expires=expires)

    def verify(self, token: str) -> Grant:
        """The grant of a token. Raises SignalingError(401) saying what is wrong with it."""
        return self.read(token).grant

    def read(self, token: str) -> Pass:
        """A token's grant, origin and end; raises as `verify` does."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise SignalingError(
                401, f"token of {len(token)} characters, at most {MAX_TOKEN_CHARACTERS} allowed"
            )
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                # The receiver that made it may have a clock that is a little ahead of ours.
                options={"require": ["exp", "room", "party"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise SignalingError(401, "token expired, ask for a new one") from None
        except jwt.InvalidSignatureError:
            raise SignalingError(401, "token signed with another secret") from None
        except jwt.MissingRequiredClaimError as error:
            raise SignalingError(401, f"token without the claim {error.claim}") from None
        except jwt.InvalidTokenError:
            raise SignalingError(401, "token is no token of ours") from None
        try:
            grant = Grant(
                room=claims["room"],
                party=claims["party"],
                publish=claims.get("publish") is True,
                play=claims.get("play") is True,
            )
        except ConfigError as error:
            raise SignalingError(401, f"token with {error}") from None
        # A token that does not say when it began is good, but is not renewed.
        origin = claims.get("origin", claims.get("iat", 0))
        if not isinstance(origin, int):
            raise SignalingError(401, "token with an origin that is no time")
        return Pass(grant, origin, int(claims["exp"]))


def bearer_token(header: str | None) -> str:
    """The token in an Authorization header (RFC 6750). Raises SignalingError(401) without one."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise SignalingError(401, "no bearer token in the Authorization header")
    return token.strip()


def load_or_create_secret(path: Path) -> bytes:
    """The secret in a file of ours; made on first use, readable by its owner alone.

    Raises ConfigError when the file cannot be read or made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Exclusive creation: of two receivers starting at once, one writes and both read.
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"token secret {path}: {error.strerror}") from error
