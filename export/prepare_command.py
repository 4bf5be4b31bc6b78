"""`python -m export prepare`: a folder of prepared clips, resumable."""

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.progress import Progress

from export.prepare import Preparer, Source, Sources, find_sources
from export.provenance import (
    SOURCES_NAME,
    ClipSource,
    count_frames,
    read_sources,
    write_sources,
)
from export.training.store import read_clip, write_clip
from shared.errors import ArtifactError
from shared.face_model import FaceModel

_NICE = 10
"""Preparing leaves the machine usable."""


def command(
    data: Annotated[
        list[Path], typer.Option(help="Folder of clips or stills of faces; may be repeated.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; what it holds already is kept.")],
    processes: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Track, crop, fit and quantise clips and stills once, for training."""
    console = Console(stderr=True)
    sources = find_sources(data)
    if sources.refused:
        console.print(f"{len(sources.refused)} left out: their licence forbids commercial use")
    if not sources.usable:
        raise ArtifactError(
            f"{_text(data)}: {len(sources.refused)} clips and stills, all of licences that forbid "
            "commercial use"
        )
    digest = FaceModel.load().digest
    todo = [one for one in sources.usable if not _is_done(_target(one, out), digest)]
    done = len(sources.usable) - len(todo)
    without_face = 0
    with Progress(console=console) as progress:
        task = progress.add_task("Preparing", total=len(sources.usable), completed=done)
        for has_face in _prepare_all(todo, out, processes):
            without_face += not has_face
            progress.advance(task)
    if without_face == len(sources.usable):
        raise ArtifactError(
            f"{_text(data)}: no face in any of {without_face} clips and stills, "
            "enough frames of one are expected"
        )
    described = _describe(sources, out)
    console.print(f"{out}: {described} prepared, {without_face} without enough frames of a face")


def _text(folders: list[Path]) -> str:
    return ", ".join(map(str, folders))


def _describe(sources: Sources, out: Path) -> int:
    """Write where each prepared clip in `out` comes from; returns how many there are.

    Rows of an earlier run stay for clips that this one was not asked for.
    """
    rows = {row.clip: row for row in read_sources(out)} if (out / SOURCES_NAME).is_file() else {}
    found = {one.path.stem: one for one in (*sources.usable, *sources.refused)}
    prepared = sorted(out.glob("*.npz"))
    for path in prepared:
        source = found.get(path.stem)
        if source is not None:
            frames = count_frames(path)
            rows[path.stem] = ClipSource(
                path.stem, source.identity, frames, source.repository, source.licence
            )
    write_sources(out, [rows[path.stem] for path in prepared if path.stem in rows])
    return len(prepared)


def _prepare_all(sources: list[Source], out: Path, processes: int) -> Iterator[bool]:
    """Whether each source had a face, in any order."""
    jobs = [(source, _target(source, out)) for source in sources]
    if processes == 1:
        yield from map(_prepare_one, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_be_modest) as pool:
        yield from pool.map(_prepare_one, jobs)


def _prepare_one(job: tuple[Source, Path]) -> bool:
    source, target = job
    clip = _preparer().prepare(source)
    if clip is not None:
        write_clip(target, clip)
    return clip is not None


@lru_cache(maxsize=1)
def _preparer() -> Preparer:
    return Preparer(FaceModel.load())


def _be_modest() -> None:
    os.nice(_NICE)
    cv2.setNumThreads(1)


def _target(source: Source, out: Path) -> Path:
    return out / f"{source.path.stem}.npz"


def _is_done(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    try:
        return read_clip(path).face_model == digest
    except ArtifactError:
        return False
