"""Pages of one receiver may talk to another: cross-origin answers (CORS) where tokens decide.

Pages are clients of WHIP and WHEP like others (RFC 9725). No cookie is involved, so any origin
may ask; what lets a request in is its bearer token alone. `/rooms` takes none and stays with its
own origin.
"""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATHS = ("/whip", "/whep", "/token", "/preview")
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "POST, DELETE, OPTIONS, PATCH",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}
_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Location, Link, ETag, WWW-Authenticate, Accept-Post"),
)


class CrossOrigin:
    """Adds them to what `app` answers on these paths, and answers preflights itself.

    Starlette's CORSMiddleware adds nothing without an Origin, answers preflights with 200, and
    leaves out failures, which a page then cannot tell from a receiver that is not there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if not any(path == one or path.startswith(f"{one}/") for one in _PATHS):
            await self._app(scope, receive, send)
            return
        is_answered = False

        async def send_open(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        if scope["method"] == "OPTIONS" and _is_preflight(scope):
            await Response(status_code=204, headers=_PREFLIGHT_HEADERS)(scope, receive, send_open)
            return
        try:
            await self._app(scope, receive, send_open)
        except Exception:
            # Who logs it sits outside of us, and would answer without our headers.
            if not is_answered:
                failure = PlainTextResponse("the receiver failed\n", 500)
                await failure(scope, receive, send_open)
            raise


def _is_preflight(scope: Scope) -> bool:
    """A browser's question before a request, which never carries the token."""
    return "access-control-request-method" in Headers(scope=scope)
