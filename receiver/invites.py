"""Invites: two links, one for each party of a fresh room. Pure but for the room's random name.

A link is the page's address with what the page needs in its fragment, which browsers send to
nobody (`receiver/web/link.js` reads it):

    https://a.example/#token=T                              T publishes and plays at that receiver
    https://a.example/#token=PLAY&whip=URL&whip_token=PUB   the room spans two receivers

Of two receivers each party opens the page of its own, plays there, and publishes at the other's:
only parameters and sound cross between them. Both accept the tokens, as they share the secret.
"""

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from receiver.tokens import Grant, TokenAuthority
from shared.errors import ConfigError

PARTIES = ("a", "b")
ADDRESS_MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Invite:
    """One party's way into a room."""

    party: str
    link: str

    token: str
    """The link's `token`: of one receiver it publishes and plays, of two it plays alone."""

    expires: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A fresh room and both ways into it."""

    room: str
    invites: tuple[Invite, Invite]


def invite(
    authority: TokenAuthority, receivers: tuple[str, str], *, minutes: float, now: float
) -> Invitation:
    """Invites into a fresh room, good for `minutes` from `now` (Unix seconds).

    `receivers`: address of the page of each party's own receiver; twice the same for one.
    Raises ConfigError for an address that is none.
    """
    room = secrets.token_urlsafe(12)
    own, others = tuple(map(page_address, receivers)), tuple(map(page_address, receivers[::-1]))
    invites = []
    for index, party in enumerate(PARTIES):
        fields = _fields(authority, room, party, own[index], others[index], minutes, now)
        invites.append(
            Invite(
                party=party,
                link=f"{own[index]}#{urlencode(fields)}",
                token=fields["token"],
                expires=int(now + minutes * 60),
            )
        )
    return Invitation(room, (invites[0], invites[1]))


def page_address(text: str) -> str:
    """The address of a receiver's page, with its final slash.

    Raises ConfigError for what is no address of the web, or carries more than an address.
    """
    try:
        parts = urlsplit(text)
        is_address = (
            len(text) <= ADDRESS_MAX_CHARACTERS
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and not (parts.query or parts.fragment)
            and text.isprintable()
            # A browser reads a backslash as a slash; the others end a link in a text.
            and not set(text) & set(' \\<>"')
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(
            f"receiver {text[:60]!r}, an address like https://host:8080/ of at most "
            f"{ADDRESS_MAX_CHARACTERS} characters is allowed"
        )
    return text if text.endswith("/") else f"{text}/"


def _fields(
    authority: TokenAuthority,
    room: str,
    party: str,
    own: str,
    other: str,
    minutes: float,
    now: float,
) -> dict[str, str]:
    """What a party's fragment says."""

    def token(*, publish: bool, play: bool) -> str:
        grant = Grant(room=room, party=party, publish=publish, play=play)
        return authority.issue(grant, minutes=minutes, now=now)

    if own == other:
        return {"token": token(publish=True, play=True)}
    return {
        "token": token(publish=False, play=True),
        "whip": f"{other}whip",
        "whip_token": token(publish=True, play=False),
    }
