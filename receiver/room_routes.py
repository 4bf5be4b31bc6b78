"""The HTTP routes by which calls begin and links stay alive: /rooms, /token, /preview."""

import hashlib
import ipaddress
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Literal
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from receiver.calls import Calls
from receiver.invites import invite, page_address
from receiver.tokens import Grant, TokenAuthority, bearer_token
from shared.errors import ConfigError, SignalingError

CREATIONS_PER_MINUTE = 30
PREVIEW_MINUTES = 10.0
PREVIEW_PREFIX = "preview-"
_BODY_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RoomPolicy:
    """Who may begin calls, and for how long links are good."""

    creation: Literal["anyone", "loopback", "nobody"] = "loopback"
    invite_minutes: float = 60.0
    life_minutes: float = 24 * 60.0
    public_url: str | None = None


class _Wish(BaseModel):
    """The body of POST /rooms."""

    model_config = ConfigDict(extra="ignore", strict=True)

    receivers: list[str] | None = None
    """Each party's own receiver; one or none: this one for both."""


def add_room_routes(
    app: FastAPI, calls: Calls, authority: TokenAuthority, policy: RoomPolicy
) -> None:
    """Add them to `app`, whose handler answers SignalingError."""
    created: deque[float] = deque(maxlen=CREATIONS_PER_MINUTE)

    @app.post("/rooms")
    async def create(request: Request) -> Response:
        _check_creator(request, policy)
        now = time.monotonic()
        if len(created) == CREATIONS_PER_MINUTE and now - created[0] < 60:
            raise SignalingError(
                429, f"{CREATIONS_PER_MINUTE} rooms were made this minute, no more allowed"
            )
        own = policy.public_url or str(request.base_url)
        receivers = _receivers(await _read_wish(request), own)
        try:
            made = invite(authority, receivers, minutes=policy.invite_minutes, now=time.time())
        except ConfigError as error:
            raise SignalingError(400, str(error)) from error
        created.append(now)
        return JSONResponse(asdict(made), 201, _NOT_KEPT)

    @app.post("/token")
    async def renew(request: Request) -> Response:
        token = bearer_token(request.headers.get("authorization"))
        grant = authority.verify(token)
        if not calls.has_session(grant):
            raise SignalingError(
                409, f"{grant.party} is not in room {grant.room}: only links in use are renewed"
            )
        fresh = authority.renew(
            token,
            minutes=policy.invite_minutes,
            life_minutes=policy.life_minutes,
            now=time.time(),
        )
        expires = authority.read(fresh).expires
        return JSONResponse({"token": fresh, "expires": expires}, headers=_NOT_KEPT)

    @app.post("/preview")
    async def preview(request: Request) -> Response:
        found = authority.read(bearer_token(request.headers.get("authorization")))
        grant = found.grant
        if not grant.publish:
            raise SignalingError(403, f"the token of {grant.party} does not allow to publish")
        if grant.room.startswith(PREVIEW_PREFIX):
            raise SignalingError(403, f"room {grant.room} is a preview already")
        # One room a party, so that no link can fill the receiver with them.
        name = hashlib.sha256(f"{grant.room}/{grant.party}".encode()).hexdigest()[:16]
        room = f"{PREVIEW_PREFIX}{name}"
        me = Grant(room=room, party="me", publish=True, play=False)
        mirror = Grant(room=room, party="mirror", publish=False, play=True)
        now = time.time()
        tokens = {
            key: authority.issue(one, minutes=PREVIEW_MINUTES, now=now, origin=found.origin)
            for key, one in (("publish", me), ("play", mirror))
        }
        expires = int(now + PREVIEW_MINUTES * 60)
        return JSONResponse({"room": room, **tokens, "expires": expires}, headers=_NOT_KEPT)


_NOT_KEPT = {"Cache-Control": "no-store"}


def _check_creator(request: Request, policy: RoomPolicy) -> None:
    """Raises SignalingError(403) for one who may not begin calls."""
    if policy.creation == "anyone":
        return
    forwarded = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    is_near = (
        request.client is not None
        and _is_loopback(request.client.host)
        and not forwarded
        # A name that somebody else's DNS leads here would let any web page ask.
        and _is_loopback(request.url.hostname or "")
        and _is_near_page(request.headers.get("origin"))
    )
    if policy.creation == "nobody" or not is_near:
        who = "nobody" if policy.creation == "nobody" else "browsers on the receiver's own machine"
        raise SignalingError(403, f"rooms are made by {who}; ask for a link")


def _is_near_page(origin: str | None) -> bool:
    """Whether a page of this machine asks; without an Origin it is no page of another site."""
    if origin is None:
        return True
    try:
        return _is_loopback(urlsplit(origin).hostname or "")
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _read_wish(request: Request) -> _Wish:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX_BYTES:
            raise SignalingError(
                413, f"a body of more than {_BODY_MAX_BYTES} bytes, no more allowed"
            )
    try:
        return _Wish.model_validate_json(bytes(body) or b"{}")
    except ValidationError:
        raise SignalingError(
            400, 'the body is not understood, {} or {"receivers": [URL, URL]} allowed'
        ) from None


def _receivers(wish: _Wish, own: str) -> tuple[str, str]:
    match wish.receivers:
        case None | []:
            return own, own
        case [other]:
            return own, other
        case [first, second]:
            return first, second
        case more:
            raise SignalingError(400, f"{len(more)} receivers, at most 2 allowed")


def check_public_url(url: str | None) -> str | None:
    """The setting, as an address. Raises ConfigError."""
    return None if url is None else page_address(url)
