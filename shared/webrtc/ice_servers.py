"""ICE servers as WHIP and WHEP hand them out: in `Link` headers (RFC 9725, section 4.6)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCIceServer

from shared.errors import ConfigError

MAX_SERVERS = 8
_LINK = re.compile(r'<(?P<url>[^<>"\s]{1,512})>(?P<parameters>(?:\s*;\s*[\w-]+="[^"]{0,512}")*)')
_PARAMETER = re.compile(r';\s*(?P<name>[\w-]+)="(?P<value>[^"]*)"')
# aiortc reads no literal IPv6 address here, and fails in a call on what it cannot read.
_HOST = r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?"
_URL = re.compile(rf"stuns?:{_HOST}|turns?:{_HOST}(?:\?transport=[a-z]{{1,8}})?")
_TEXT = re.compile(r"[^\x00-\x1f\x7f\"]{0,512}")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server. Raises ConfigError for what cannot stand in a `Link` header."""

    url: str
    """`stun:`, `stuns:`, `turn:` or `turns:` and an address."""

    username: str = ""
    credential: str = ""

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise ConfigError(
                f"ICE server {self.url[:60]!r}, stun:HOST[:PORT] or turn:HOST[:PORT] allowed"
            )
        if not (_TEXT.fullmatch(self.username) and _TEXT.fullmatch(self.credential)):
            raise ConfigError(
                f"ICE server {self.url}: a name or password that no header can hold, "
                "up to 512 characters without quotes are allowed"
            )

    @property
    def link(self) -> str:
        """Its `Link` header's value."""
        text = f'<{self.url}>; rel="ice-server"'
        if self.username:
            text += (
                f'; username="{self.username}"; credential="{self.credential}"'
                '; credential-type="password"'
            )
        return text

    def for_aiortc(self) -> RTCIceServer:
        return RTCIceServer(
            urls=self.url, username=self.username or None, credential=self.credential or None
        )


def parse_links(values: Sequence[str]) -> tuple[IceServer, ...]:
    """The ICE servers in the values of `Link` headers; whatever else stands there is ignored."""
    servers: list[IceServer] = []
    for match in (match for value in values for match in _LINK.finditer(value)):
        parameters = {
            parameter["name"].lower(): parameter["value"]
            for parameter in _PARAMETER.finditer(match["parameters"])
        }
        if parameters.get("rel") == "ice-server" and _URL.fullmatch(match["url"]):
            servers.append(
                IceServer(
                    match["url"],
                    parameters.get("username", ""),
                    parameters.get("credential", ""),
                )
            )
    return tuple(servers[:MAX_SERVERS])
