"""The HTTP side of WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) for a client."""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin

import httpx

from shared.errors import SignalingError
from shared.limits import SIGNALING_BODY_MAX_BYTES
from shared.webrtc.ice_servers import IceServer, parse_links

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0

GOODBYE_SECONDS = 1.0
"""Of the DELETE: on a thin link that loses packets it could take the whole of the above. The other
side hears of the end over the connection, too, and finds out by itself at worst."""

TLS_FAILED = 526
"""No status of HTTP's own: HTTPS itself failed, and will again (as some proxies number it)."""

_MEANINGS = {
    400: "the server did not understand the offer",
    401: "the token is wrong or expired",
    403: "the token does not allow this",
    404: "nothing answers there",
    406: "the offer's media do not suit the server",
    409: "the room is full",
    413: "the offer is too large",
    415: "the server takes no SDP there",
    503: "the server is full or shutting down",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a POST of an offer brought."""

    sdp: str
    location: str
    """Absolute URL of the session, for DELETE."""

    etag: str
    """Of the ICE session, "" when the server gave none."""

    ice_servers: tuple[IceServer, ...]


class SignalingClient:
    """Posts an offer to an endpoint and deletes the session again. One session at a time."""

    def __init__(self, url: str, token: str, *, verify_tls: bool = True) -> None:
        """`verify_tls` False accepts a self-signed certificate."""
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=verify_tls)
        self._location: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def ice_servers(self) -> tuple[IceServer, ...]:
        """The servers that OPTIONS names, wanted before the offer as aiortc adds none later.

        A server without OPTIONS has none to tell. Raises SignalingError when none answers, or
        one that refuses the token.
        """
        response = await self._request("OPTIONS", self._url)
        if response.status_code == 401:
            raise SignalingError(401, self._refusal(response))
        return parse_links(response.headers.get_list("link")) if response.is_success else ()

    async def post(self, offer: str) -> Answer:
        """POST the offer. Raises SignalingError with the server's status and one clear text."""
        response = await self._request(
            "POST", self._url, content=offer, content_type="application/sdp"
        )
        if response.status_code != 201:
            raise SignalingError(response.status_code, self._refusal(response))
        content_type = response.headers.get("content-type", "").partition(";")[0].strip()
        if content_type != "application/sdp" or "location" not in response.headers:
            raise SignalingError(
                502,
                f"{self._url} answered {content_type or 'nothing'} "
                f"{'with' if 'location' in response.headers else 'without'} a Location, "
                "application/sdp with one allowed",
            )
        self._location = urljoin(str(response.url), response.headers["location"])
        return Answer(
            sdp=response.text,
            location=self._location,
            etag=response.headers.get("etag", ""),
            ice_servers=parse_links(response.headers.get_list("link")),
        )

    async def close(self) -> None:
        """DELETE the session if there is one; a server that is gone or slow is no error."""
        location, self._location = self._location, None
        try:
            if location is not None:
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._request("DELETE", location)
        except SignalingError as error:
            logger.info("session not deleted: %s", error)
        except TimeoutError:
            logger.info("session not deleted: no answer in %g s", GOODBYE_SECONDS)
        finally:
            await self._http.aclose()

    async def _request(
        self, method: str, url: str, *, content: str | None = None, content_type: str | None = None
    ) -> httpx.Response:
        headers = dict(self._headers)
        if content_type is not None:
            headers["Content-Type"] = content_type
        try:
            async with self._http.stream(method, url, content=content, headers=headers) as response:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > SIGNALING_BODY_MAX_BYTES:
                        raise SignalingError(
                            502,
                            f"{url} answered more than {SIGNALING_BODY_MAX_BYTES} bytes, no SDP",
                        )
                return httpx.Response(
                    response.status_code,
                    # The body is decoded already.
                    headers=[
                        (name, value)
                        for name, value in response.headers.multi_items()
                        if name not in ("content-encoding", "content-length")
                    ],
                    content=bytes(body),
                    request=response.request,
                )
        except httpx.ConnectError as error:
            if (failure := _tls_failure(error)) is not None:
                raise SignalingError(TLS_FAILED, f"{url}: {failure}") from error
            raise SignalingError(503, f"nothing listens at {url}: {error}") from error
        except httpx.TimeoutException as error:
            raise SignalingError(504, f"{url} did not answer in {TIMEOUT_SECONDS:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SignalingError(502, f"{url} cannot be asked: {error}") from error

    def _refusal(self, response: httpx.Response) -> str:
        status = response.status_code
        meaning = _MEANINGS.get(status, "the server failed" if status >= 500 else "refused")
        detail = response.text.strip()[:200]
        return f"{self._url} answered {status}, {meaning}" + (f": {detail}" if detail else "")


def _tls_failure(error: BaseException) -> str | None:
    """What is wrong with HTTPS, None when the connection failed for another reason."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                return f"certificate not trusted, {cause.verify_message}; --insecure accepts it"
            case ssl.SSLError():
                return f"no HTTPS there ({cause.reason or cause})"
        cause = cause.__cause__ or cause.__context__
    return None
