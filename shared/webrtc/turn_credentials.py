"""Short-lived credentials for a TURN server that shares a secret with us.

    username = expiry in Unix seconds ":" party
    password = base64(HMAC-SHA1(secret, username))

What coturn calls `use-auth-secret` (draft-uberti-behave-turn-rest-00): the server keeps no list of
users, and what a page is told is worth nothing after a while.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from shared.errors import ConfigError
from shared.webrtc.ice_servers import IceServer


@dataclass(frozen=True, slots=True)
class TurnSecret:
    """What makes them. Raises ConfigError for what no server can be."""

    urls: tuple[str, ...]
    """`turn:HOST[:PORT][?transport=tcp]`, `turns:...`."""

    secret: str
    lifetime_seconds: int

    def __post_init__(self) -> None:
        if not self.secret or self.lifetime_seconds <= 0:
            raise ConfigError("TURN credentials need a secret and a lifetime above 0 s")
        for url in self.urls:
            if not url.startswith(("turn:", "turns:")):
                raise ConfigError(f"TURN server {url[:60]!r}, turn:HOST[:PORT] allowed")
            IceServer(url)

    def servers(self, party: str, *, now: float) -> tuple[IceServer, ...]:
        """The servers with credentials of `party` from `now` on (Unix seconds)."""
        username = f"{int(now) + self.lifetime_seconds}:{party}"
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(digest).decode()
        return tuple(IceServer(url, username, credential) for url in self.urls)
