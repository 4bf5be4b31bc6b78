"""`python -m export`: builds what the project ships from data."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from export.face_model import TrackedClip, build_face_model
from export.landmarks import clip_identities, clip_paths, tracked_landmarks
from export.prepare_command import command as prepare_command
from shared.errors import ArtifactError, KilocallError
from shared.face_model import DEFAULT_PATH, FaceModel
from shared.face_model_file import write_face_model_file

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
_console = Console(stderr=True)

_LEAST_FRAMES = 10
"""A clip with fewer tracked frames says little about expression and is left out."""

_NETWORK_COMMANDS = {
    "codec-tables": ("export.codec_tables_command", "Train the parameter codec's tables."),
    "train": ("export.training.train_command", "Train a generator, or go on with one."),
    "onnx": ("export.onnx_command", "Write a checkpoint's generator as a bundle."),
    "tensorrt": ("export.tensorrt_command", "Build a bundle's engines for this machine's GPU."),
    "person-network": ("export.person_weights", "Write the weights of the person network."),
    "verify": ("export.verify_command", "Check a bundle; exit code 1 when something is wrong."),
}
"""Module that defines `command`, and help; imported when asked for, as they need more libraries."""

_EXPORT_LIBRARIES = ("torch", "onnx", "tflite")

_CACHE = Path(".work/landmarks")
_Cache = Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")]


@app.callback()
def _commands() -> None:
    """Keeps sub-commands even where there is only one."""


@app.command("face-model")
def face_model(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = DEFAULT_PATH,
    cache: _Cache = _CACHE,
    frames_per_clip: Annotated[int, typer.Option(min=2, help="At most, evenly spaced.")] = 60,
) -> None:
    """Build the face model from tracked clips."""
    identities = clip_identities(data)
    clips = []
    for path in track(clip_paths(data), "Tracking", console=_console):
        points = tracked_landmarks(path, cache)
        if len(points) < _LEAST_FRAMES:
            _console.print(f"{path.name}: {len(points)} frames with a face, left out")
            continue
        chosen = np.unique(np.linspace(0, len(points) - 1, frames_per_clip).astype(int))
        clips.append(TrackedClip(identities.get(path.stem, path.stem), points[chosen]))
    if not clips:
        raise ArtifactError(
            f"{data}: no clip with {_LEAST_FRAMES} frames of a face, clips of faces are expected"
        )
    write_face_model_file(out, build_face_model(clips))
    model = FaceModel.load(out)
    frames = sum(len(clip.points) for clip in clips)
    _console.print(
        f"{out}: {out.stat().st_size} bytes from {len(clips)} clips, {frames} frames, "
        f"digest {model.digest[:16]}"
    )


@app.command("gallery")
def gallery(
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path(
        "docs/expression_gallery.png"
    ),
) -> None:
    """Draw the mean face with each expression coefficient at -3, 0 and +3 sigma."""
    from export.gallery import expression_gallery, write_png

    write_png(out, expression_gallery(FaceModel.load()))


@app.command("head-proxy")
def head_proxy(
    data: Annotated[Path, typer.Option(help="Folder of the clips that were measured.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("docs/head_proxy.png"),
    cache: _Cache = _CACHE,
) -> None:
    """Draw the head proxy on outlines of five people's heads, frontal and turned."""
    from export.gallery import write_png
    from export.head_proxy_picture import head_proxy_picture

    picture, agreements = head_proxy_picture(FaceModel.load(), data, cache)
    write_png(out, picture)
    _console.print(
        f"{out}: overlap (intersection over union) {min(agreements):.2f} to "
        f"{max(agreements):.2f}, mean {np.mean(agreements):.2f}"
    )


app.command("prepare")(prepare_command)


@app.command("tracker-network")
def tracker_network(
    source: Annotated[Path, typer.Argument(help="The mesh network as converted from MediaPipe's.")],
    out: Annotated[Path, typer.Argument(help="File to write.")],
) -> None:
    """Rewrite the tracker's mesh network so that it runs in half the time."""
    from export.tracker_network import rewrite

    change = rewrite(source, out)
    _console.print(f"{out}: {out.stat().st_size} bytes, outputs changed by at most {change:.2g}")


@app.command("portrait")
def portrait(
    picture: Annotated[Path, typer.Option(help="A picture of a face, free to ship.")],
    motion: Annotated[Path, typer.Option(help="A clip whose motion moves it; numbers only.")],
) -> None:
    """Write the built-in portrait and its motion."""
    from export.portrait import PORTRAIT_FOLDER, build_portrait

    build_portrait(picture, motion)
    for path in sorted(PORTRAIT_FOLDER.iterdir()):
        _console.print(f"{path}: {path.stat().st_size} bytes")


def _add_network_commands(asked: str | None) -> None:
    for name, (module, text) in _NETWORK_COMMANDS.items():
        if name == asked:
            app.command(name, help=text)(import_module(module).command)
        else:
            app.command(name, help=text)(lambda: None)  # listed; run only when asked for


def main() -> None:
    """Run; known errors are one line and exit code 2."""
    try:
        _add_network_commands(sys.argv[1] if len(sys.argv) > 1 else None)
        app()
    except ModuleNotFoundError as error:
        if error.name not in _EXPORT_LIBRARIES:
            raise
        _fail(f"{error.name} is not installed: pip install -r requirements/export.txt")
    except KilocallError as error:
        _fail(str(error))


def _fail(text: str) -> NoReturn:
    _console.print(f"kilocall: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(2) from None


if __name__ == "__main__":
    main()
