"""ICE servers as WHIP and WHEP hand them out: in `Link` headers (RFC 9725, section 4.6)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiortc import RTCIceServer

MAX_SERVERS = 8
_LINK = re.compile(r'<(?P<url>[^<>"\s]{1,512})>(?P<parameters>(?:\s*;\s*[\w-]+="[^"]{0,512}")*)')
_PARAMETER = re.compile(r';\s*(?P<name>[\w-]+)="(?P<value>[^"]*)"')
_URL = re.compile(r"(stuns?|turns?):[^\s\"<>]+")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server."""

    url: str
    """`stun:`, `stuns:`, `turn:` or `turns:` and an address."""

    username: str = ""
    credential: str = ""

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
