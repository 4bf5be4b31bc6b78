"""`python -m benchmarks codec`: bytes and milliseconds of the parameter codec on tracked clips."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.json_file import check_writable, write_json
from benchmarks.machine import machine_facts
from export.codec_tables import FRAME_NS, FittedClip, fit_clip
from export.landmarks import clip_paths, tracked_landmarks
from shared.codec import FaceDecoder, FaceEncoder
from shared.face_model import FaceModel
from shared.limits import FRAMES_PER_MESSAGE_MAX
from shared.receiver_report import ReceiverReport

_LEAST_FRAMES = 25


@dataclass(frozen=True, slots=True)
class CodecScores:
    """Over all clips, at 25 fps without loss."""

    frames_per_message: int
    predicted_bytes: float
    """Mean of a predicted message, header included."""

    predicted_bytes_p95: float
    intra_bytes: float
    intra_bytes_max: int
    payload_bps: float
    """Of all messages; no transport."""

    encode_ms: float
    """Median of a message, like `decode_ms`."""

    decode_ms: float


def measure_codec(
    clips: Sequence[FittedClip],
    *,
    frames_per_message: int,
    report_interval_ms: float,
    round_trip_ms: float,
) -> CodecScores:
    """Send every clip through a lossless link of this delay; reports come back at the interval."""
    predicted: list[int] = []
    intra: list[int] = []
    encode_ns: list[int] = []
    decode_ns: list[int] = []
    for clip in clips:
        encoder, decoder = FaceEncoder(), FaceDecoder()
        reports: list[tuple[float, ReceiverReport]] = []
        next_report_ms = 0.0
        last = len(clip.frames) - frames_per_message
        for start in range(0, last + 1, frames_per_message):
            now_ms = start * FRAME_NS / 1e6
            while reports and reports[0][0] <= now_ms:
                encoder.acknowledge(reports.pop(0)[1])
            begun_ns = perf_counter_ns()
            message = encoder.encode(clip.frames[start : start + frames_per_message], set_id=0)
            encoded_ns = perf_counter_ns()
            decoded = decoder.decode(message)
            decode_ns.append(perf_counter_ns() - encoded_ns)
            encode_ns.append(encoded_ns - begun_ns)
            (intra if decoded.intra else predicted).append(len(message))
            held = decoder.held()
            if held is not None and now_ms >= next_report_ms:
                next_report_ms = now_ms + report_interval_ms
                report = ReceiverReport(*held, delay_ms=0, transit_ms=0)
                reports.append((now_ms + round_trip_ms, report))
    seconds = (len(predicted) + len(intra)) * frames_per_message * FRAME_NS / 1e9
    return CodecScores(
        frames_per_message=frames_per_message,
        predicted_bytes=float(np.mean(predicted)),
        predicted_bytes_p95=float(np.percentile(predicted, 95)),
        intra_bytes=float(np.mean(intra)),
        intra_bytes_max=max(intra),
        payload_bps=8 * (sum(predicted) + sum(intra)) / seconds,
        encode_ms=float(np.median(encode_ns)) / 1e6,
        decode_ms=float(np.median(decode_ns)) / 1e6,
    )


def command(
    data: Annotated[Path, typer.Option(help="Folder of clips of faces, one face each.")],
    report_interval_ms: Annotated[
        float, typer.Option(min=1, help="Between receiver reports.")
    ] = 160.0,
    round_trip_ms: Annotated[float, typer.Option(min=0, help="Of the link.")] = 60.0,
    cache: Annotated[Path, typer.Option(help="Tracked landmarks are kept here.")] = Path(
        ".work/landmarks"
    ),
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
) -> None:
    """Bytes and milliseconds of the parameter codec, at one to three frames a message."""
    check_writable(json_path)
    model = FaceModel.load()
    tracked = (tracked_landmarks(path, cache) for path in clip_paths(data))
    clips = [fit_clip(model, points) for points in tracked if len(points) >= _LEAST_FRAMES]
    rows = [
        measure_codec(
            clips,
            frames_per_message=count,
            report_interval_ms=report_interval_ms,
            round_trip_ms=round_trip_ms,
        )
        for count in range(1, FRAMES_PER_MESSAGE_MAX + 1)
    ]
    table = Table(title=f"parameter codec, {len(clips)} clips")
    for name in asdict(rows[0]):
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(f"{value:.4g}" for value in asdict(row).values()))
    Console().print(table)
    if json_path is not None:
        report = {
            "machine": machine_facts().as_json(),
            "data": data.name,
            "report_interval_ms": report_interval_ms,
            "round_trip_ms": round_trip_ms,
            "rows": [asdict(row) for row in rows],
        }
        write_json(json_path, report)
