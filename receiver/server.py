"""Serving: the socket, HTTPS, signals, and an orderly end."""

import asyncio
import contextlib
import errno
import ipaddress
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from receiver.settings import ReceiverSettings
from receiver.tls import check_pair, own_addresses, self_signed
from shared.errors import ConfigError

GRACE_SECONDS = 2
"""What open HTTP requests get to finish when the receiver stops."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigError when the port is taken or not allowed."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(f"host {host!r}: {error.strerror}, a name or address is needed") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is in use, choose another with --port"
            ) from None
        raise ConfigError(f"port {port} on {host}: {error.strerror}") from None
    return listener


def certificate_files(settings: ReceiverSettings) -> tuple[Path, Path] | None:
    """(certificate, key) that the settings ask for, None for plain HTTP. Raises ConfigError."""
    if settings.tls_certificate is not None and settings.tls_key is not None:
        check_pair(settings.tls_certificate, settings.tls_key)
        return settings.tls_certificate, settings.tls_key
    if settings.tls_self_signed:
        return self_signed(settings.state_folder, host=settings.host)
    return None


def links(settings: ReceiverSettings, listener: socket.socket) -> tuple[str, ...]:
    """Where the page can be opened."""
    return page_addresses(settings, listener.getsockname()[1])


def page_addresses(settings: ReceiverSettings, port: int) -> tuple[str, ...]:
    """Where the page of a receiver on `port` can be opened, as others reach it first."""
    scheme = "https" if settings.tls_self_signed or settings.tls_certificate else "http"
    hosts: tuple[str, ...] = (settings.host,)
    if settings.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        hosts = tuple(
            address
            for address in own_addresses()
            if settings.host == "::" or ipaddress.ip_address(address).version == 4
        )
    return tuple(f"{scheme}://{_bracketed(host)}:{port}/" for host in hosts)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """uvicorn raises the signals again that ended it; we end in our own order, with status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: FastAPI,
    listener: socket.socket,
    certificate: tuple[Path, Path] | None,
    *,
    on_ready: Callable[[], None],
    before_stop: Callable[[], Awaitable[None]],
) -> None:
    """Serve `app` until SIGTERM or SIGINT; `before_stop` runs while it still answers.

    Requests under way may finish; returns when all is closed.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=certificate and str(certificate[0]),
        ssl_keyfile=certificate and str(certificate[1]),
    )
    server = _Server(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopped = asyncio.create_task(stop.wait())
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.01)
        if not serving.done():
            on_ready()
        await asyncio.wait((serving, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        await before_stop()
        server.should_exit = True
        await serving
