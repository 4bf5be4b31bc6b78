"""The figures of the rate-distortion benchmark, by name."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from math import isfinite

from benchmarks.classic_codec import Codec
from benchmarks.figures import Figure, gather
from benchmarks.picture_judge import PictureScores
from benchmarks.rate_curves import Crossover, Reach
from benchmarks.rate_distortion_calls import CallResults, Way
from benchmarks.rate_distortion_jobs import FLOOR
from benchmarks.rate_distortion_measures import MEASURES
from benchmarks.rate_distortion_result import PictureMeans

AMORTISED_SECONDS = (10, 60, 600)
"""Lengths of call over which what is sent once is spread."""

_ROOT = "rate-distortion"
_Found = dict[str, float | None]


def rate_key(rate_bps: int) -> str:
    """Of a wire rate, as figures are named."""
    return "floor" if rate_bps == FLOOR else f"{rate_bps // 1000}kbps"


def figures(calls: Sequence[CallResults], pictures: Sequence[PictureMeans]) -> dict[str, Figure]:
    """Of all runs. Each is portable: qualities, bytes and rates made of them."""
    why: dict[str, str] = {}
    runs = [
        {
            f"{_ROOT}/{name}": value
            for name, value in (
                *_wire_figures(call, means, why),
                *_own_figures(means),
                *_codec_figures(means, why),
                *_crossover_figures(means, why),
                *_bd_figures(means, why),
            )
        }
        for call, means in zip(calls, pictures, strict=True)
    ]
    names = {name for run in runs for name in run}
    portable = frozenset(name.rpartition("/")[2] for name in names)
    return gather(runs, portable=portable, why={f"{_ROOT}/{name}": x for name, x in why.items()})


def start_bps(start_bytes: float, seconds: int) -> float:
    """What is sent once, spread over a call."""
    return 8 * start_bytes / seconds


def _wire_figures(
    calls: CallResults, means: PictureMeans, why: dict[str, str]
) -> Iterator[tuple[str, float | None]]:
    yield "wire/references", means.references
    yield "wire/references_bytes", means.start_bytes
    for way in Way:
        rate = calls.rates[way]
        root = f"wire/{way.key}"
        names = ["total_kbps", "forward_kbps", "back_kbps", "payload_kbps"]
        names += [f"with_references_{seconds}s_kbps" for seconds in AMORTISED_SECONDS]
        if rate is None:
            for name in names:
                why[f"{root}/{name}"] = calls.why.get(way, "not measured")
                yield f"{root}/{name}", None
            continue
        values = [rate.total_bps, rate.forward_bps, rate.back_bps, rate.payload_bps]
        values += [
            rate.total_bps + start_bps(means.start_bytes, seconds) for seconds in AMORTISED_SECONDS
        ]
        for name, value in zip(names, values, strict=True):
            yield f"{root}/{name}", value / 1e3


def _own_figures(means: PictureMeans) -> Iterator[tuple[str, float | None]]:
    for generator, own in means.own.items():
        yield from _score_figures(generator, own.scores)


def _codec_figures(means: PictureMeans, why: dict[str, str]) -> Iterator[tuple[str, float | None]]:
    for codec, cells in means.codecs.items():
        name = codec.value.lower()
        floor_bps = means.floor_bps(codec)
        for rate, mean in cells.items():
            root = f"{name}/{rate_key(rate)}"
            if mean is None:
                for measure in ("wire_kbps", *(field.name for field in fields(PictureScores))):
                    why[f"{root}/{measure}"] = (
                        means.run.why.get(codec.value, "not measured")
                        if floor_bps is None
                        else f"out of reach, the least is {floor_bps / 1e3:.1f} kbit/s"
                    )
                    yield f"{root}/{measure}", None
                continue
            yield f"{root}/wire_kbps", mean.wire_bps / 1e3
            yield f"{root}/fps", mean.fps
            yield f"{root}/clips", mean.clips
            yield f"{root}/first_picture_bytes", mean.first_picture_bytes
            yield from _score_figures(root, mean.scores)


def _score_figures(root: str, scores: PictureScores) -> Iterator[tuple[str, float | None]]:
    for field in fields(scores):
        value = getattr(scores, field.name)
        yield f"{root}/{field.name}", value if isfinite(value) else None


def _crossover_figures(
    means: PictureMeans, why: dict[str, str]
) -> Iterator[tuple[str, float | None]]:
    for generator in means.own:
        for codec in Codec:
            for measure in MEASURES:
                name = f"crossover/{generator}/{codec.value.lower()}/{measure.field}_kbps"
                found = means.crossover(codec, generator, measure)
                if found is None or found.reach is not Reach.AT:
                    why[name] = crossover_text(found)
                    yield name, None
                else:
                    yield name, found.rate_bps / 1e3


def crossover_text(found: Crossover | None) -> str:
    """What a curve reaches, in kbit/s."""
    if found is None:
        return "not measured"
    kbps = f"{found.rate_bps / 1e3:.1f}"
    match found.reach:
        case Reach.AT:
            return kbps
        case Reach.BELOW_FLOOR:
            return f"below its floor of {kbps}"
    return f"never up to {kbps}"


def _bd_figures(means: PictureMeans, why: dict[str, str]) -> Iterator[tuple[str, float | None]]:
    for measure in MEASURES:
        for codec, anchor, found in means.bd_rates(measure):
            pair = f"{codec.value.lower()}-against-{anchor.value.lower()}"
            name = f"bd-rate/{pair}/{measure.field}_percent"
            if found is None:
                why[name] = "the curves have nothing in common"
            yield name, None if found is None else 100 * found
