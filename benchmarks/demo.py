"""`make demo`: a whole call on this machine, watched in a browser or measured without one."""

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.aftermath import measure
from benchmarks.demo_call import CallResult, DemoCall
from benchmarks.demo_settings import (
    DEFAULT_HEADLESS_SECONDS,
    DEFAULT_OUT,
    DemoSettings,
    choose_input,
)
from benchmarks.link_model import LinkConditions
from benchmarks.machine import machine_facts
from benchmarks.report import Report
from sender.devices import DeviceKind, list_devices
from sender.media_file import MediaFile
from sender.parameter_transport import TransportChoice
from shared.errors import ConfigError
from shared.shipped_generators import default_generator


def command(
    video: Annotated[Path | None, typer.Option(help="A video file with a face; loops.")] = None,
    portrait: Annotated[bool, typer.Option("--portrait", help="The built-in portrait.")] = False,
    camera: Annotated[
        bool, typer.Option("--camera", help="A camera (the default where there is one).")
    ] = False,
    camera_name: Annotated[
        str | None, typer.Option(help="Part of the camera's name, or its device.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="How long; until Ctrl-C, headless 10 by default.")
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="No browser: write films and report.json.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for what --headless writes.")] = DEFAULT_OUT,
    bundle: Annotated[
        str, typer.Option(help="warp, an embedded bundle's name, or a bundle's folder.")
    ] = default_generator(),
    loss: Annotated[float, typer.Option(help="Share of datagrams lost each way, 0..1.")] = 0.0,
    delay: Annotated[float, typer.Option(help="Milliseconds added each way.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the losses.")] = 1,
    frames_per_message: Annotated[
        int | None, typer.Option(min=1, max=3, help="Fixed; 2 by default, 1 under loss.")
    ] = None,
    transport: Annotated[
        TransportChoice, typer.Option(help="Of the parameters; inband is inside the sound.")
    ] = TransportChoice.AUTO,
) -> None:
    """A call between two processes of this machine; shows stages, rates and drops."""
    console = Console()
    kind, remark = choose_input(
        video=video, portrait=portrait, camera=camera or camera_name is not None
    )
    if video is not None:
        MediaFile.probe(video)
    if seconds is not None and not 0 < seconds <= 24 * 3600:
        raise ConfigError(f"seconds {seconds:g}, more than 0 up to 86400 allowed")
    if remark is not None:
        console.print(remark, soft_wrap=True)
    settings = DemoSettings(
        input=kind,
        video=video,
        camera_name=camera_name,
        microphone=bool(list_devices(DeviceKind.MICROPHONE)),
        seconds=DEFAULT_HEADLESS_SECONDS if headless and seconds is None else seconds,
        headless=headless,
        out=out,
        bundle=bundle,
        conditions=LinkConditions(loss=loss, delay_ms=delay) if loss or delay else None,
        seed=seed,
        frames_per_message=frames_per_message,
        transport=transport,
    )
    if headless:
        _make_folder(out)
    with tempfile.TemporaryDirectory(prefix="kilocall-") as folder:
        result = asyncio.run(_run(DemoCall(settings, Path(folder), console)))
        if result is not None:
            report = measure(settings, result)
            (out / "report.json").write_text(report.to_json(machine_facts()), encoding="utf-8")
            console.print(_summary(report, out), soft_wrap=True, highlight=False)
        elif headless:
            console.print("stopped; nothing was written")
            raise typer.Exit(130)


async def _run(call: DemoCall) -> CallResult | None:
    """None when it was interrupted, which is how a watched call ends."""
    task = asyncio.create_task(call.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}") from error


def _summary(report: Report, out: Path) -> str:
    latency = report.latency_ms.p95
    offset = report.av_offset_ms
    return (
        f"{report.frames_out} pictures, {report.fps_out:.1f}/s; "
        f"wire {report.wire_bps_forward / 1000:.1f} kbit/s forward, "
        f"{report.wire_bps_reverse / 1000:.1f} back, {report.audio_wire_bps / 1000:.1f} of sound; "
        f"latency p95 {'-' if latency is None else f'{latency:.0f}'} ms; "
        f"A/V {'-' if offset is None else f'{offset:+.0f}'} ms\n"
        f"{out}/rebuilt.mp4, {out}/side_by_side.mp4, {out}/report.json"
    )
