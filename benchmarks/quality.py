"""`python -m benchmarks quality`: how like the rebuilt pictures are to the true ones."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.clip import Clip
from benchmarks.cross_reenactment import pair_clips
from benchmarks.frame_selection import save_sheet, save_worst, worst_frames
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.identity_weights import find_identity_weights
from benchmarks.json_file import check_writable
from benchmarks.machine import machine_facts
from benchmarks.quality_bench import NamedGenerator, QualityBench
from benchmarks.quality_comparison import (
    Baseline,
    choose_baseline,
    compare,
    print_comparison,
    print_targets,
)
from benchmarks.quality_report import GeneratorFacts, QualityReport, read_result
from benchmarks.quality_run import QualityPlan, QualityRun
from benchmarks.reference_choice import ClipCase, ReferenceChoice
from benchmarks.single_run import write_single_run
from benchmarks.still import StillGenerator
from shared.bundle import MANIFEST_NAME, load_bundle
from shared.errors import ArtifactError, ConfigError
from shared.face_model import FaceModel
from shared.generator import find_bundle, load_generator
from shared.shipped_generators import WARP

_QUICK_CLIPS, _QUICK_EVERY = 2, 25
_WIDTH = 180
"""Of tables, in characters."""


def command(
    data: Annotated[Path, typer.Option(help="A clip, or a folder of clips.")],
    bundle: Annotated[
        list[str] | None, typer.Option(help="Beside still and warp; may be repeated.")
    ] = None,
    references: Annotated[
        list[ReferenceChoice] | None,
        typer.Option(help="May be repeated; first and policy unless told."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Measure each so many-th frame.")] = 5,
    cross: Annotated[
        bool | None,
        typer.Option(help="Also move each person by another's clip; unless told, where it can be."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the pairs of persons.")] = 0,
    identity_weights: Annotated[
        Path | None, typer.Option(help="MobileFaceNet as .npz, for CSIM; else KILOCALL_DATA's.")
    ] = None,
    lossless_parameters: Annotated[bool, typer.Option("--lossless-parameters")] = False,
    threads: Annotated[int, typer.Option(min=1, help="Clips measured at the same time.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two clips, every 25th frame: the numbers mean little.")
    ] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    sheet_path: Annotated[
        Path | None, typer.Option("--contact-sheet", metavar="FILE", help="PNG to look at.")
    ] = None,
    worst: Annotated[
        Path | None, typer.Option(metavar="DIR", help="PNGs of the last generator's worst frames.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(metavar="FILE", help="An earlier --json, to compare with.")
    ] = None,
    baseline_generator: Annotated[
        str, typer.Option(help="Which of the baseline's generators.")
    ] = WARP,
) -> None:
    """Still, warp and bundles: self- and cross-reenactment, clip by clip (docs/quality.md)."""
    for path in (json_path, sheet_path):
        check_writable(path)
    if worst is not None:
        _make_folder(worst)
    paths = _clip_paths(data)
    if quick:
        paths, every = paths[:_QUICK_CLIPS], _QUICK_EVERY
    names = [WARP, *(name for name in bundle or [] if name != WARP)]
    facts = _generator_facts(names)
    weights = find_identity_weights(identity_weights)
    model, identity = FaceModel.load(), None if weights is None else IdentityNetwork(weights)
    plan = QualityPlan(
        choices=tuple(references or (ReferenceChoice.FIRST, ReferenceChoice.POLICY)),
        every=every,
        lossless_parameters=lossless_parameters,
        threads=threads,
        pairs=_pairs([path.stem for path in paths], cross, seed),
    )
    earlier = None if baseline is None else _baseline(baseline, baseline_generator, paths, plan)

    def make_bench() -> QualityBench:
        loaded = [StillGenerator(), *map(load_generator, names)]
        named = [NamedGenerator(fact.name, one) for fact, one in zip(facts, loaded, strict=True)]
        return QualityBench(model, named, identity)

    begun = time.monotonic()
    cases = [ClipCase(Clip.open(path), model) for path in paths]
    run = QualityRun(cases, plan, make_bench, Console(stderr=True))
    own, crossed = run.run()
    if not any(row.scores.frames for part in own for row in part.rows):
        raise ArtifactError(f"{data}: no frame was measured, longer clips or --every 1 are needed")
    shown = worst_frames([part.selection for part in own])
    report = QualityReport(
        machine=machine_facts(),
        seconds=round(time.monotonic() - begun, 1),
        every=every,
        seed=seed,
        lossless_parameters=lossless_parameters,
        generators=facts,
        clips=tuple(row for part in own for row in part.rows),
        cross_clips=tuple(row for part in crossed for row in part.rows),
        worst=tuple(frame for _, frame in shown),
        left_out=run.left_out,
    )
    if json_path is not None:
        write_single_run(
            json_path, "quality", report.as_json(), quick=quick, seconds=report.seconds
        )
    console = Console(width=_WIDTH)
    report.print(console)
    if earlier is not None:
        trained = {fact.name for fact in facts if fact.sha256}
        for comparison in compare(report.clips, earlier):
            print_comparison(comparison, console)
            if comparison.generator in trained:
                print_targets(comparison, console)
    if sheet_path is not None:
        save_sheet(
            [part.selection for part in own], [part.selection for part in crossed], sheet_path
        )
    if worst is not None:
        save_worst(shown, worst)
    console.print(f"{len(paths)} clips in {report.seconds:.0f} s, every {every}. frame")


def _clip_paths(data: Path) -> list[Path]:
    paths = sorted(data.glob("*.mp4")) if data.is_dir() else [data]
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a clip or a folder of clips is expected")
    return paths


def _baseline(path: Path, generator: str, clips: Sequence[Path], plan: QualityPlan) -> Baseline:
    """What of an earlier result this run is compared with.

    Raises ArtifactError for a file that is none, ConfigError for one that was measured otherwise.
    """
    result = read_result(path)
    theirs, ours = (
        f"every {one.every}. frame{' without the codec' if one.lossless_parameters else ''}"
        for one in (result, plan)
    )
    if theirs != ours:
        raise ConfigError(f"{path}: measured {theirs}, this run measures {ours}")
    return choose_baseline(
        result.rows,
        generator,
        clips=[clip.stem for clip in clips],
        references=[choice.value for choice in plan.choices],
    )


def _pairs(names: Sequence[str], cross: bool | None, seed: int) -> tuple[tuple[str, str], ...]:
    """Of cross-reenactment. Raises ConfigError where it is asked for and cannot be."""
    if cross is False:
        return ()
    try:
        return tuple(pair_clips(names, seed))
    except ConfigError:
        if cross:
            raise
        return ()


def _make_folder(path: Path) -> None:
    """Before work that takes long. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise ConfigError(f"{path}: {err.strerror}, a folder for pictures is expected") from err


def _generator_facts(names: Sequence[str]) -> tuple[GeneratorFacts, ...]:
    """Of `still` and the named ones, each under a name of its own.

    Raises ArtifactError for a bundle that is none, ConfigError for two of one name.
    """
    facts = [GeneratorFacts(StillGenerator.name, "", "")]
    for name in names:
        if name == WARP:
            facts.append(GeneratorFacts(WARP, "", ""))
            continue
        folder = find_bundle(name)
        manifest = load_bundle(folder).manifest
        digest = hashlib.sha256((folder / MANIFEST_NAME).read_bytes()).hexdigest()
        taken = any(fact.name == manifest.name for fact in facts)
        label = f"{manifest.name} {digest[:8]}" if taken else manifest.name
        if any(fact.name == label for fact in facts):
            raise ConfigError(f"bundle {name}: named twice, each once is allowed")
        facts.append(GeneratorFacts(label, manifest.version, digest))
    return tuple(facts)
