"""The HTTP routes: WHIP, WHEP, health, metrics and the page. No logic lives here."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from receiver.calls import Calls
from receiver.cross_origin import CrossOrigin
from receiver.exposition import exposition
from receiver.room_routes import RoomPolicy, add_room_routes
from receiver.rooms import Role
from receiver.tokens import Grant, TokenAuthority, bearer_token
from shared.errors import SignalingError
from shared.face_model import DEFAULT_PATH
from shared.limits import SIGNALING_BODY_MAX_BYTES
from shared.metrics import Metrics
from shared.version import __version__

SDP = "application/sdp"
DISCARD_MAX_BYTES = 16 * 1024 * 1024
DISCARD_SECONDS = 5.0
PAGE_FOLDER = Path(__file__).parent / "web"
PAGE_ASSETS = (
    "face_model.npz",
    "parameter_codec.json",
    "tracker/NOTICE",
    "tracker/face_detection_short_range.onnx",
    "tracker/face_landmark_with_attention.json",
    "tracker/face_landmark_with_attention.onnx",
)
"""What the page needs to track a face and to send it."""

# wasm-unsafe-eval: onnxruntime-web compiles its WebAssembly in the page.
# connect-src: a room may span two receivers, and a link names the other one.
_CONTENT_SECURITY_POLICY = (
    b"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data: blob:; "
    b"media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; "
    b"connect-src 'self' https: http://127.0.0.1:* http://localhost:*; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = (
    (b"content-security-policy", _CONTENT_SECURITY_POLICY),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Both together give the page shared memory, which threads of WebAssembly need.
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
)

Open = Callable[[Grant, str], Awaitable[tuple[str, str]]]


def create_app(
    calls: Calls,
    authority: TokenAuthority,
    metrics: Metrics,
    policy: RoomPolicy | None = None,
) -> FastAPI:
    """The application over what `receiver.pipeline` put together."""
    app = FastAPI(title="Kilocall receiver", version=__version__, openapi_url=None)
    app.add_middleware(CrossOrigin)

    @app.exception_handler(SignalingError)
    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, SignalingError)
        metrics.count("refused", str(error.status))
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        if error.retry_after_seconds is not None:
            headers["Retry-After"] = str(error.retry_after_seconds)
        if error.status == 413:
            # The rest of the body is not read, so nothing can follow on this connection.
            headers["Connection"] = "close"
        return PlainTextResponse(f"{error}\n", error.status, headers)

    def grant_of(request: Request) -> Grant:
        return authority.verify(bearer_token(request.headers.get("authorization")))

    def links(grant: Grant) -> list[str]:
        return [server.link for server in calls.ice_servers(grant.party)]

    async def open_session(request: Request, path: str, open_: Open) -> Response:
        grant = grant_of(request)
        offer = await _read_offer(request)
        session_id, answer = await open_(grant, offer)
        response = Response(answer, 201, media_type=SDP)
        # Starlette would add a charset, which RFC 9725 does not know.
        response.headers["Content-Type"] = SDP
        response.headers["Location"] = f"/{path}/{session_id}"
        response.headers["ETag"] = _etag(answer)
        for link in links(grant):
            response.headers.append("Link", link)
        return response

    def describe_endpoint(request: Request) -> Response:
        response = Response(status_code=204)
        response.headers["Allow"] = "POST, OPTIONS"
        response.headers["Accept-Post"] = SDP
        if "authorization" in request.headers:
            # TURN credentials are for those who may call.
            for link in links(grant_of(request)):
                response.headers.append("Link", link)
        return response

    def add_endpoint(path: str, role: Role, open_: Open) -> None:
        @app.post(f"/{path}")
        async def post(request: Request) -> Response:
            return await open_session(request, path, open_)

        @app.options(f"/{path}")
        async def options(request: Request) -> Response:
            return describe_endpoint(request)

        @app.delete(f"/{path}/{{session_id}}")
        async def delete(request: Request, session_id: str) -> Response:
            calls.delete(grant_of(request), session_id, role)
            return Response(status_code=200)

        @app.patch(f"/{path}/{{session_id}}")
        async def patch(session_id: str) -> Response:
            # Until trickle ICE is there (RFC 9725, section 4.3.2).
            return _not_allowed("DELETE", "trickle ICE is not there, send all candidates at once")

        # Without these the page's folder would answer 404.
        @app.api_route(f"/{path}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"])
        async def other(request: Request) -> Response:
            return _not_allowed("POST, OPTIONS", f"{request.method} is not for an endpoint")

        @app.api_route(f"/{path}/{{session_id}}", methods=["GET", "HEAD", "PUT", "POST"])
        async def other_of_session(request: Request, session_id: str) -> Response:
            return _not_allowed("DELETE", f"{request.method} is not for a session")

    add_endpoint("whip", Role.PUBLISH, calls.publish)
    add_endpoint("whep", Role.PLAY, calls.play)

    add_room_routes(app, calls, authority, policy or RoomPolicy())

    @app.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "ok", "version": __version__, "rooms": calls.rooms})

    @app.get("/metrics")
    async def metrics_page() -> Response:
        return Response(exposition(metrics, calls), media_type=CONTENT_TYPE_LATEST)

    assets = DEFAULT_PATH.parent
    if assets.is_dir():
        app.mount("/assets", _PageHeaders(_PageAssets(directory=assets)))
    if PAGE_FOLDER.is_dir():
        app.mount("/", _PageHeaders(StaticFiles(directory=PAGE_FOLDER, html=True)))
    return app


async def _read_offer(request: Request) -> str:
    """The body. Raises SignalingError: 415, 406, 413 before reading too much, 400."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != SDP:
        raise SignalingError(415, f"content type {content_type[:60] or 'missing'}, {SDP} allowed")
    accepted = [
        item.partition(";")[0].strip().lower()
        for item in request.headers.get("accept", "*/*").split(",")
    ]
    if not {SDP, "application/*", "*/*"} & set(accepted):
        raise SignalingError(406, f"the answer is {SDP}, the request accepts something else")
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > SIGNALING_BODY_MAX_BYTES:
        if request.headers.get("expect", "").lower() != "100-continue":
            await _discard(request)
        raise _too_large(stated)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > SIGNALING_BODY_MAX_BYTES:
            await _discard(request)
            raise _too_large("more")
    try:
        offer = body.decode()
    except UnicodeDecodeError:
        raise SignalingError(400, "the SDP offer cannot be used: it is not UTF-8") from None
    if not offer.startswith("v=0"):
        raise SignalingError(400, "the SDP offer cannot be used: it does not begin with v=0")
    return offer


async def _discard(request: Request) -> None:
    """Let a client that is still sending finish, so that it reads the answer and not a reset.

    Nothing is kept; one that sends on and on is cut off.
    """
    discarded = 0
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for chunk in request.stream():
                discarded += len(chunk)
                if discarded > DISCARD_MAX_BYTES:
                    return
    except (TimeoutError, ClientDisconnect):
        return


def _not_allowed(allowed: str, why: str) -> Response:
    return PlainTextResponse(f"{why}; {allowed} allowed\n", 405, {"Allow": allowed})


def _too_large(found: str) -> SignalingError:
    return SignalingError(
        413, f"a body of {found} bytes, at most {SIGNALING_BODY_MAX_BYTES} allowed"
    )


def _etag(answer: str) -> str:
    return f'"{hashlib.sha256(answer.encode()).hexdigest()[:16]}"'


class _PageHeaders:
    """Adds the page's security headers to what a static application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_PAGE_HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _PageAssets(StaticFiles):
    """Those files of a folder that the page needs, and no others."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return super().lookup_path(path) if path in PAGE_ASSETS else ("", None)
