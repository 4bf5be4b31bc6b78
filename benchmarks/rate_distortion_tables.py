"""Tables of the rate-distortion benchmark: of the last run, spread over clips beside the means."""

from benchmarks.classic_codec import CODECS, Codec
from benchmarks.coded_clip import MAX_PACKET_BYTES, PACKET_HEADER_BYTES
from benchmarks.picture_judge import PictureScores
from benchmarks.rate_curves import Crossover, Reach
from benchmarks.rate_distortion_calls import USUAL, CallResults, Way
from benchmarks.rate_distortion_figures import AMORTISED_SECONDS, crossover_text, start_bps
from benchmarks.rate_distortion_jobs import FLOOR
from benchmarks.rate_distortion_measures import MEASURES, Measure
from benchmarks.rate_distortion_result import PictureMeans
from benchmarks.result_table import ResultTable

_CROSSOVER_NOTE = (
    "kbit/s on the wire; means over clips, straight between measured rates on a logarithmic scale; "
    "a codec's floor is its least rate"
)
_START_NOTE = (
    "sent once: Kilocall's references, {references:.1f} a clip, with all headers and SACKs; a "
    "codec's first picture with its packets' headers. A longer call of someone who moves on sends "
    "more: references within 2 kbit/s over a minute"
)
_CALLS_NOTE = (
    "Kilocall: real calls over a link of 30 ms each way without loss, counted in IP packets, both "
    "directions, control and STUN in it, sound apart"
)
_PACKETS_NOTE = (
    f"codecs: packets of up to {MAX_PACKET_BYTES} B and {PACKET_HEADER_BYTES} B of IPv4, UDP and "
    "RTP each; SRTP tags, RTCP and repairs left out in their favour"
)
_CHOICE_NOTE = (
    "each codec chooses pictures a second (25, 12.5, 8.3), size (1, 1/2) and quantizer for the "
    "best PSNR over the clip's instants, held pictures among them"
)
_BD_NOTE = (
    "over the goodness that both reach, PCHIP over the logarithm of the rate; points no better "
    "than a cheaper one are left out. Kilocall's picture does not change with its rate: a point "
    "has no BD-rate, the crossover takes its place"
)


def tables(calls: CallResults, means: PictureMeans) -> tuple[ResultTable, ...]:
    """All of them, the crossovers first: they answer what the benchmark asks."""
    return (
        *(crossover_table(calls, means, generator) for generator in means.own),
        wire_table(calls, means),
        quality_table(means),
        bd_table(means),
    )


def crossover_table(calls: CallResults, means: PictureMeans, generator: str) -> ResultTable:
    """At which rate each codec equals a generator's picture."""
    own = means.own[generator]
    rates = {way: rate for way, rate in calls.rates.items() if rate is not None}
    usual = rates.get(USUAL)
    rows = []
    for measure in MEASURES:
        cells = [
            _crossover_cell(
                means.crossover(codec, generator, measure),
                None if usual is None else usual.total_bps,
            )
            for codec in Codec
        ]
        rows.append((measure.label, _with_deviation(measure, own.scores, own.deviations), *cells))
    notes = [_CROSSOVER_NOTE]
    if rates:
        ours = ", ".join(f"{way.value} {rate.total_bps / 1e3:.1f}" for way, rate in rates.items())
        notes.append(f"Kilocall itself takes, both ways, without references: {ours}")
    if usual is not None:
        notes.append(f"who is better at the rate of {USUAL.value} stands behind the colon")
    return ResultTable(
        f"Where a codec equals Kilocall's picture ({generator})",
        ("measure", generator, *(codec.value for codec in Codec)),
        tuple(rows),
        tuple(notes),
    )


def _crossover_cell(found: Crossover | None, own_bps: float | None) -> str:
    if found is None:
        return "-"
    text = {
        Reach.AT: crossover_text(found),
        Reach.BELOW_FLOOR: f"< {found.rate_bps / 1e3:.1f} (floor)",
        Reach.NEVER: f"> {found.rate_bps / 1e3:.0f}",
    }[found.reach]
    if own_bps is None:
        return text
    if found.reach is Reach.BELOW_FLOOR and found.rate_bps > own_bps:
        return f"{text}: out of reach"
    loses = found.reach is not Reach.NEVER and found.rate_bps <= own_bps
    return f"{text}: {'codec' if loses else 'Kilocall'}"


def wire_table(calls: CallResults, means: PictureMeans) -> ResultTable:
    """Kilocall's rates, and what is sent once spread over a call; codecs near it beside."""
    rows = []
    for way in Way:
        rate = calls.rates[way]
        name = f"Kilocall, {way.value}"
        if rate is None:
            rows.append((name, *("-",) * (5 + len(AMORTISED_SECONDS))))
            continue
        rows.append(
            (
                name,
                f"{rate.forward_bps / 1e3:.1f}",
                f"{rate.back_bps / 1e3:.1f}",
                f"{rate.total_bps / 1e3:.1f}",
                f"{rate.payload_bps / 1e3:.2f}",
                *_with_start(rate.total_bps, means.start_bytes),
            )
        )
    for codec, cells in means.codecs.items():
        for mean in cells.values():
            if mean is None or mean.clips < means.clip_count:
                continue
            rows.append(
                (
                    f"{codec.value} at {mean.fps:.3g}/s",
                    f"{mean.wire_bps / 1e3:.1f}",
                    "not counted",
                    f"{mean.wire_bps / 1e3:.1f}",
                    "-",
                    *_with_start(mean.wire_bps, mean.first_picture_bytes),
                )
            )
    return ResultTable(
        "On the wire, kbit/s",
        (
            "contender", "forward", "back", "total", "payload", "sent once, B",
            *(f"total over {_duration(seconds)}" for seconds in AMORTISED_SECONDS),
        ),
        tuple(rows),
        (
            _START_NOTE.format(references=means.references),
            _CALLS_NOTE,
            _PACKETS_NOTE,
            *(f"{way.value}: {why}" for way, why in calls.why.items()),
        ),
    )  # fmt: skip


def _with_start(rate_bps: float, start_bytes: float) -> tuple[str, ...]:
    spread = (rate_bps + start_bps(start_bytes, seconds) for seconds in AMORTISED_SECONDS)
    return f"{start_bytes:.0f}", *(f"{bps / 1e3:.1f}" for bps in spread)


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def quality_table(means: PictureMeans) -> ResultTable:
    """All contenders at all rates."""
    rows = []
    for generator, own in means.own.items():
        count = str(means.clip_count)
        cells = (_with_deviation(one, own.scores, own.deviations) for one in MEASURES)
        lost = f"{own.scores.faces_lost:.0%}"
        rows.append((f"Kilocall {generator}", "see above", "25", "1", count, *cells, lost))
    for codec, found in means.codecs.items():
        floor_bps = means.floor_bps(codec)
        for rate, mean in found.items():
            name = codec.value if rate == FLOOR else f"{codec.value} {rate // 1000}"
            if mean is None:
                why = "missing" if floor_bps is None else f"floor {floor_bps / 1e3:.1f}"
                rows.append((name, why, *("-",) * (4 + len(MEASURES))))
                continue
            cells = (_with_deviation(one, mean.scores, mean.deviations) for one in MEASURES)
            rows.append(
                (
                    f"{codec.value} floor" if rate == FLOOR else name,
                    f"{mean.wire_bps / 1e3:.1f}",
                    f"{mean.fps:.3g}",
                    f"{mean.scale:.2g}",
                    str(mean.clips),
                    *cells,
                    f"{mean.scores.faces_lost:.0%}",
                )
            )
    settings = [f"{codec.value}: {CODECS[codec].describe()}" for codec in means.codecs]
    settings += [f"left out: {name}: {why}" for name, why in means.run.why.items()]
    return ResultTable(
        "Pictures at wire rates: means over clips ± deviation over clips",
        (
            "contender", "kbit/s", "pictures/s", "side", "clips",
            *(measure.label for measure in MEASURES), "faces lost",
        ),
        tuple(rows),
        (
            _CHOICE_NOTE,
            *settings,
        ),
    )  # fmt: skip


def bd_table(means: PictureMeans) -> ResultTable:
    """Codecs against each other; Kilocall is a point and has none."""
    columns: dict[str, list[str]] = {}
    for measure in MEASURES:
        for codec, anchor, found in means.bd_rates(measure):
            pair = f"{codec.value} against {anchor.value}"
            columns.setdefault(pair, []).append("-" if found is None else f"{found:+.0%}")
    rows = [
        (measure.label, *(cells[number] for cells in columns.values()))
        for number, measure in enumerate(MEASURES)
    ]
    return ResultTable(
        "BD-rate: rate that the first takes beyond the second for the same measure",
        ("measure", *columns),
        tuple(rows),
        (_BD_NOTE,),
    )


def _with_deviation(measure: Measure, scores: PictureScores, deviations: PictureScores) -> str:
    mean = measure.text(getattr(scores, measure.field))
    spread = measure.text(getattr(deviations, measure.field))
    return mean if spread == "-" else f"{mean} ± {spread}"
