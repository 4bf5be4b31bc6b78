"""`python -m receiver`: serve; `token`: make a token; `invite`: make two links into a room."""

import asyncio
import logging
import socket
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from receiver.invites import invite
from receiver.server import certificate_files, links, listen, page_addresses, serve
from receiver.settings import ReceiverSettings
from receiver.tokens import Grant, TokenAuthority, load_or_create_secret
from shared.errors import ConfigError, KilocallError
from shared.inference.device import Device
from shared.malloc_arenas import limit_malloc_arenas

SELF_SIGNED = "self-signed"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def main() -> None:
    """Run a command; what we raise on purpose is one line and exit status 2."""
    try:
        app()
    except KilocallError as error:
        typer.echo(f"kilocall: {error}", err=True)
        sys.exit(2)


@app.callback(invoke_without_command=True)
def serve_command(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes a free one.")] = None,
    tls: Annotated[
        str | None,
        typer.Option(help=f"Serve HTTPS: {SELF_SIGNED}, or a certificate's PEM file."),
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    generator: Annotated[
        str | None, typer.Option(help="warp, an embedded bundle's name, or a bundle's folder.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of one network.")] = None,
    device: Annotated[
        Device | None, typer.Option(help="What runs a bundle; auto: the best there is.")
    ] = None,
    max_calls: Annotated[
        int | None, typer.Option(help="Parties whose picture is rebuilt at one time.")
    ] = None,
    picture_hop_max_bps: Annotated[
        int | None, typer.Option(help="Ceiling in bit/s of the video to each viewer.")
    ] = None,
    draw_capture_time: Annotated[
        bool, typer.Option(help="Draw a bar code of the capture time into the picture.")
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Write what was counted there, as JSON lines.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v")] = False,
) -> None:
    """Serve the page, WHIP and WHEP until Ctrl-C or SIGTERM."""
    if context.invoked_subcommand is not None:
        return
    _configure_logging(verbose=verbose)
    is_self_signed = tls == SELF_SIGNED
    settings = ReceiverSettings.read(
        host=host,
        port=port,
        tls_self_signed=True if is_self_signed else None,
        tls_certificate=None if tls is None or is_self_signed else Path(tls),
        tls_key=tls_key,
        generator=generator,
        threads=threads,
        device=device,
        max_calls=max_calls,
        picture_hop_max_bps=picture_hop_max_bps,
        draw_capture_time=draw_capture_time or None,
        trace=trace,
    )
    limit_malloc_arenas()
    # Before the models are loaded: a port in use is told at once.
    with listen(settings.host, settings.port) as listener:
        asyncio.run(_serve(settings, listener))


@app.command("token")
def token_command(
    room: Annotated[str, typer.Option(help="Name of the call.")],
    party: Annotated[str, typer.Option(help="Name of the party, unique in the room.")],
    publish: Annotated[bool, typer.Option(help="Allow to publish.")] = False,
    play: Annotated[bool, typer.Option(help="Allow to play the other party.")] = False,
    minutes: Annotated[float, typer.Option(help="How long it is valid.")] = 60.0,
) -> None:
    """Print a token that the receiver with the same secret accepts."""
    if not (publish or play):
        raise ConfigError("a token that allows nothing, --publish, --play or both allowed")
    grant = Grant(room=room, party=party, publish=publish, play=play)
    typer.echo(_authority(ReceiverSettings.read()).issue(grant, minutes=minutes))


@app.command("invite")
def invite_command(
    url: Annotated[
        str | None, typer.Option(help="Address of this receiver's page; else as it is set up.")
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(help="Page of the other party's own receiver, which has the same secret."),
    ] = None,
) -> None:
    """Print two links, one a party, into a fresh room."""
    settings = ReceiverSettings.read()
    own = url or settings.public_url
    if own is None:
        if settings.port == 0:
            raise ConfigError("port 0 is no address for a link, --url is needed")
        own = page_addresses(settings, settings.port)[0]
    made = invite(
        _authority(settings),
        (own, other or own),
        minutes=settings.invite_minutes,
        now=time.time(),
    )
    for one in made.invites:
        typer.echo(one.link)


def _authority(settings: ReceiverSettings) -> TokenAuthority:
    if settings.token_secret is not None:
        return TokenAuthority(settings.token_secret.get_secret_value().encode())
    return TokenAuthority(load_or_create_secret(settings.state_folder / "token_secret"))


async def _serve(settings: ReceiverSettings, listener: socket.socket) -> None:
    # numba and OpenCV take a second to import, which `token` need not wait for.
    from receiver.pipeline import ReceiverPipeline

    authority = _authority(settings)
    certificate = certificate_files(settings)
    pipeline = ReceiverPipeline(settings, authority)

    def announce() -> None:
        for link in links(settings, listener):
            typer.echo(f"kilocall receiver ({pipeline.generator_name}): {link}")
        own = settings.public_url or links(settings, listener)[0]
        typer.echo(f"two links into a call: python -m receiver invite --url {own}")

    await pipeline.start()
    await serve(pipeline.app, listener, certificate, on_ready=announce, before_stop=pipeline.close)


def _configure_logging(*, verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("aioice", "aiortc", "numba", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
