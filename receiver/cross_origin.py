"""Pages of one receiver may talk to another: cross-origin answers (CORS) where tokens decide.

RFC 9725, section 4.2 asks for them. No cookie is involved, so any origin may ask; what lets a
request in is its bearer token alone. `/rooms` takes none and stays with its own origin.
"""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_PATHS = ("/whip", "/whep", "/token", "/preview")


class CrossOrigin:
    """Adds them to what `app` answers on these paths."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["POST", "DELETE", "OPTIONS", "PATCH"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Location", "Link", "ETag", "WWW-Authenticate", "Accept-Post"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        is_open = any(path == one or path.startswith(f"{one}/") for one in _PATHS)
        await (self._open if is_open else self._app)(scope, receive, send)
