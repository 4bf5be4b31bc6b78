"""`python -m sender`: a face in, a few kilobits a second out."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler

from sender.devices import DeviceKind, list_devices
from sender.parameter_transport import TransportChoice
from sender.pipeline import SenderPipeline
from sender.settings import InputKind, SenderSettings
from shared.errors import ArtifactError, ConfigError, KilocallError
from shared.malloc_arenas import limit_malloc_arenas
from shared.version import __version__

_console = Console(stderr=True)


def main(
    url: Annotated[str | None, typer.Option(help="The receiver's WHIP endpoint.")] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token that allows to publish.")] = None,
    camera: Annotated[bool, typer.Option("--camera", help="Send a camera (the default).")] = False,
    camera_name: Annotated[
        str | None, typer.Option(help="Part of the camera's name, or its device.")
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Send a video file, in a loop.")] = None,
    portrait: Annotated[
        bool, typer.Option("--portrait", help="Send the built-in portrait.")
    ] = False,
    list_cameras: Annotated[
        bool, typer.Option("--list-cameras", help="Show the cameras and end.")
    ] = False,
    list_microphones: Annotated[
        bool, typer.Option("--list-microphones", help="Show the microphones and end.")
    ] = False,
    microphone: Annotated[
        str | None, typer.Option(help="Part of the microphone's name, or its device.")
    ] = None,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="Send no sound.")] = False,
    audio_bitrate: Annotated[
        int | None, typer.Option(help="Of the sound in bit/s, 6000 to 24000.")
    ] = None,
    audio_packet_ms: Annotated[
        int | None, typer.Option(help="Of sound in a packet: 20, 40 or 60.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Most frames a second.")] = None,
    frames_per_message: Annotated[
        int | None, typer.Option(help="1 to 3; else by the loss.")
    ] = None,
    max_kbps: Annotated[
        float | None, typer.Option(help="Most to send, sound and headers counted.")
    ] = None,
    transport: Annotated[
        TransportChoice | None,
        typer.Option(help="Of the parameters; inband is inside the sound. Default: auto."),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write what is counted here, as JSON lines.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write the crops and the sound that are sent here, an MP4.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accept a self-signed certificate.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Send a camera, a video file or the built-in portrait to a receiver.

    URL and token can also come from KILOCALL_URL and KILOCALL_TOKEN.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(message)s",
        handlers=[RichHandler(console=_console, show_path=False, rich_tracebacks=False)],
    )
    for noisy in ("aioice", "aiortc", "httpx", "httpcore", "numba", "libav", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if version:
        print(f"kilocall {__version__}")
        return
    try:
        if list_cameras or list_microphones:
            _list(DeviceKind.CAMERA if list_cameras else DeviceKind.MICROPHONE)
            return
        if sum([camera or camera_name is not None, video is not None, portrait]) > 1:
            raise ConfigError("several of --camera, --video and --portrait, one is allowed")
        settings = SenderSettings.read(
            url=url,
            token=token,
            input=InputKind.VIDEO if video else InputKind.PORTRAIT if portrait else None,
            video=video,
            camera=camera_name,
            audio=False if no_audio else None,
            microphone=microphone,
            audio_bitrate_bps=audio_bitrate,
            audio_packet_ms=audio_packet_ms,
            fps=fps,
            frames_per_message=frames_per_message,
            max_kbps=max_kbps,
            transport=transport,
            trace=trace,
            record=record,
            verify_tls=False if insecure else None,
        )
        limit_malloc_arenas()
        pipeline = SenderPipeline(settings)
        asyncio.run(_run(pipeline))
    except (ConfigError, ArtifactError) as error:
        _fail(error, status=2)
    except KilocallError as error:
        _fail(error, status=1)


async def _run(pipeline: SenderPipeline) -> None:
    """Until the first SIGTERM or Ctrl-C, which ends the call properly."""
    loop = asyncio.get_running_loop()
    call = asyncio.create_task(pipeline.run())

    def end() -> None:
        if not call.cancelling():  # a second signal does not break off the goodbye
            call.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, end)
        except NotImplementedError:  # Windows; Ctrl-C then cancels through asyncio.run
            break
    try:
        await call
    except asyncio.CancelledError:
        logging.getLogger(__name__).info("ended")


def _list(kind: DeviceKind) -> None:
    devices = list_devices(kind)
    if not devices:
        raise ConfigError(f"no {kind.value} found on this machine")
    for device in devices:
        print(f"{device.name}  ({device.url})")


def _fail(error: KilocallError, *, status: int) -> None:
    print(f"kilocall: {error}", file=sys.stderr)
    raise typer.Exit(status)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command()(main)
    app()
