"""A quality run against an earlier one, clip by clip, and against the targets of a bundle."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from math import ceil, isfinite, log

from rich.console import Console
from rich.table import Table

from benchmarks.clip_scores import SelfRow, SelfScores, mean_scores
from benchmarks.quality_report import number_text
from shared.errors import ConfigError


def _from_one(value: float) -> float:
    """How far a ratio is from 1, either way."""
    return abs(log(value)) if value > 0 else float("inf")


_COST: dict[str, Callable[[float], float]] = {
    "l1": lambda value: value,
    "psnr_db": lambda value: -value,
    "ssim": lambda value: -value,
    "ms_ssim": lambda value: -value,
    "csim": lambda value: -value,
    "akd_px": lambda value: value,
    "aed": lambda value: value,
    "apd_deg": lambda value: value,
    "sharpness": _from_one,
    "flicker": _from_one,
    "faces_lost": lambda value: value,
}
"""Lower is better."""

_CLIP_SHARE = 14 / 16
"""Of the clips on which a bundle's PSNR has to be better than the warp's."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a bundle should reach, and whether it does."""

    text: str
    value: float
    met: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """One generator with one choice of references against the baseline's generator."""

    references: str
    generator: str
    baseline: str
    clips: tuple[tuple[str, SelfScores, SelfScores], ...]
    """(name, of this run, of the baseline), those that both have."""

    @property
    def means(self) -> tuple[SelfScores, SelfScores]:
        """Over those clips: of this run, of the baseline."""
        ours, theirs = zip(*((own, base) for _, own, base in self.clips), strict=True)
        return mean_scores(ours), mean_scores(theirs)

    def better_on(self, name: str) -> int:
        """Clips on which this run is better by one measure."""
        cost = _COST[name]
        return sum(cost(getattr(a, name)) < cost(getattr(b, name)) for _, a, b in self.clips)

    def targets(self) -> list[Target]:
        """What a light generator should reach against the warp on unseen people."""
        own, base = self.means
        needed = ceil(_CLIP_SHARE * len(self.clips))
        better = self.better_on("psnr_db")
        return [
            _at_least("PSNR over the baseline's, dB", own.psnr_db - base.psnr_db, 1.5),
            _at_least(f"clips of {len(self.clips)} with better PSNR", better, needed),
            _at_most("L1 over the baseline's", own.l1 / base.l1, 0.85),
            _at_least("CSIM", own.csim, 0.84),
            Target("CSIM over the baseline's > 0", own.csim - base.csim, own.csim > base.csim),
            _at_most("AKD, px", own.akd_px, 1.4),
            _between("sharpness", own.sharpness, 0.8, 1.1),
            _between("flicker", own.flicker, 0.8, 1.3),
        ]


@dataclass(frozen=True, slots=True)
class Baseline:
    """One generator's scores of an earlier run."""

    generator: str
    scores: Mapping[tuple[str, str], SelfScores]
    """By references and clip, those that this run measures too."""


def choose_baseline(
    rows: Sequence[SelfRow], generator: str, *, clips: Sequence[str], references: Sequence[str]
) -> Baseline:
    """What of an earlier run can be compared with a run of these clips and references.

    Raises ConfigError where that is nothing.
    """
    scores = {
        (row.references, row.clip): row.scores
        for row in rows
        if row.generator == generator and row.clip in clips and row.references in references
    }
    if not scores:
        held = sorted({f"{row.generator} with {row.references}" for row in rows})
        raise ConfigError(
            f"baseline: nothing of {generator} with {' or '.join(references)} on these "
            f"{len(clips)} clips, it holds {', '.join(held)} on {len({row.clip for row in rows})}"
        )
    return Baseline(generator, scores)


def compare(rows: Sequence[SelfRow], baseline: Baseline) -> list[Comparison]:
    """Every generator of a run, with each choice of references that the baseline has too."""
    groups: dict[tuple[str, str], list[tuple[str, SelfScores, SelfScores]]] = {}
    for row in rows:
        base = baseline.scores.get((row.references, row.clip))
        if base is not None:
            group = groups.setdefault((row.references, row.generator), [])
            group.append((row.clip, row.scores, base))
    return [
        Comparison(references, generator, baseline.generator, tuple(clips))
        for (references, generator), clips in groups.items()
    ]


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Differences per clip and in the mean, and on how many clips it is better."""
    names = [field.name for field in fields(SelfScores) if field.name in _COST]
    title = (
        f"{comparison.generator} minus the baseline's {comparison.baseline}, "
        f"references: {comparison.references}"
    )
    table = Table("clip", *names, title=title, title_justify="left")
    for clip, own, base in [*comparison.clips, ("mean", *comparison.means)]:
        differences = [getattr(own, name) - getattr(base, name) for name in names]
        table.add_row(clip, *("" if not isfinite(d) else _signed(d) for d in differences))
    count = len(comparison.clips)
    table.add_row("better on", *(f"{comparison.better_on(name)} of {count}" for name in names))
    console.print(table)


def print_targets(comparison: Comparison, console: Console) -> None:
    """What a light generator should reach, met or missed."""
    targets = Table("target", "reached", "")
    for target in comparison.targets():
        targets.add_row(target.text, number_text(target.value), "met" if target.met else "missed")
    console.print(targets)


def _signed(difference: float) -> str:
    text = number_text(difference)
    return text if text.startswith("-") else f"+{text}"


def _at_least(text: str, value: float, least: float) -> Target:
    return Target(f"{text} >= {least:g}", value, value >= least)


def _at_most(text: str, value: float, most: float) -> Target:
    return Target(f"{text} <= {most:g}", value, value <= most)


def _between(text: str, value: float, least: float, most: float) -> Target:
    return Target(f"{text} {least:g} to {most:g}", value, least <= value <= most)
