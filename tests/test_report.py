"""The report's arithmetic, on counts whose rates are known."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from benchmarks.machine import machine_facts
from benchmarks.played_call import PlayedCall, PlayedPicture
from benchmarks.report import CallMeasurement, make_report
from shared.errors import ArtifactError
from shared.metrics import DurationSummary, MetricsSnapshot
from shared.trace import TraceRecord
from shared.webrtc.wire_counter import WireCount, WireSnapshot

_S = 1_000_000_000
_NOTHING = WireSnapshot(*(WireCount() for _ in fields(WireSnapshot)))


def _sender_record(second: int) -> TraceRecord:
    """2 kB of handshake, then 1000 B/s forward, 500 back; a reference of 4000 B at second 4."""
    references = 4 if second >= 4 else 0
    return TraceRecord(
        second * _S,
        MetricsSnapshot(
            stages={"track": DurationSummary(25, 200.0, 8.0, 9.0, 10.0)},
            counters={
                ("frames_in", ""): 25 * second,
                ("payload_bytes", ""): 300 * second,
                ("references_sent", ""): references // 4,
                ("control_bytes", "reference"): references * 1000,
                ("control_bytes", "other"): 77,
                ("control_messages", "reference"): references,
                ("frames_dropped", "late"): 2,
                ("transport_messages", "datachannel"): 7,
                ("transport_messages", "inband"): 10 * second,
                ("in_band_bytes", ""): 250 * second,
                ("in_band_wait_ms", ""): 300 * second,
                ("in_band_fallbacks", "size"): 3,
            },
            gauges={},
        ),
        replace(
            _NOTHING,
            data_sent=WireCount(0, 2000 + 1000 * second + references * (1000 + 93)),
            data_received=WireCount(0, 1500 + 500 * second),
            audio_sent=WireCount(0, 3000 * second),
            audio_received=WireCount(0, 10 * second),
            connection_sent=WireCount(0, 20 * second),
            connection_received=WireCount(0, 20 * second),
        ),
    )


def _receiver_record(second: int) -> TraceRecord:
    stages = {
        "generate": DurationSummary(25, 250.0, 10.0, 12.0, 14.0),
        "latency": DurationSummary(25, 2500.0, 100.0, 110.0, 120.0),
    }
    counters = {("frames_dropped", ""): second}
    return TraceRecord(second * _S, MetricsSnapshot(stages, counters, {}), None)


def _measurement() -> CallMeasurement:
    pictures = [
        PlayedPicture(b"", 0, 2 * _S + i * 40_000_000, 1, 120.0 + i % 3) for i in range(201)
    ]
    return CallMeasurement(
        sender=[_sender_record(second) for second in range(12)],
        receiver=[_receiver_record(second) for second in range(12)],
        hop=[
            (second * _S, replace(_NOTHING, video_received=WireCount(0, 50_000 * second)))
            for second in range(12)
        ],
        call=PlayedCall(pictures=pictures, pictures_lost=1),
        av_offset_ms=-12.3,
        own_bytes=180_000_000,
        rss_bytes=250_000_000,
        generator="warp",
        input="film.mp4",
    )


def test_rates_are_of_the_steady_state_without_references() -> None:
    report = make_report(_measurement())
    assert report.wire_bps_forward == pytest.approx(8000)
    assert report.wire_bps_reverse == pytest.approx(4000)
    assert report.audio_wire_bps == pytest.approx(8 * 3010)
    assert report.connection_bps == pytest.approx(320)
    assert report.call_bps == pytest.approx(8000 + 4000 + 8 * 3010 + 320)
    assert report.picture_hop_bps == pytest.approx(400_000)
    assert report.payload_bps == pytest.approx(2400)
    assert report.fps_out == pytest.approx(25)


def test_the_ways_of_the_parameters_are_told() -> None:
    use = make_report(_measurement()).transport
    assert (use.messages_datachannel, use.messages_inband) == (7, 110)
    assert use.inband_bps == pytest.approx(2000)
    assert use.inband_wait_ms == pytest.approx(30)
    assert use.fallbacks == {"size": 3}


def test_totals_hold_everything() -> None:
    report = make_report(_measurement())
    assert report.totals.seconds == 11
    assert report.totals.wire_bytes_forward == 2000 + 11_000 + 4 * 1093
    assert report.totals.reference_wire_bytes == 4 * 1093
    assert report.totals.payload_bytes == 3300
    assert (report.reference_bytes, report.references_sent) == (4000, 1)
    assert (report.frames_in, report.frames_out) == (275, 201)


def test_every_promised_key_is_there_and_json_has_no_nan() -> None:
    report = make_report(replace(_measurement(), rss_bytes=None, av_offset_ms=float("nan")))
    found = json.loads(report.to_json(machine_facts()))
    assert found["machine"]["cores"] >= 1
    assert set(found) >= {
        "frames_in", "frames_out", "fps_out", "payload_bps", "wire_bps_forward",
        "wire_bps_reverse", "audio_wire_bps", "connection_bps", "picture_hop_bps",
        "reference_bytes", "references_sent", "crop_moves", "latency_ms", "glass_latency_ms",
        "av_offset_ms", "stages_ms", "drops", "own_mb", "rss_mb", "generator", "input",
    }  # fmt: skip
    assert found["latency_ms"] == {"p50": 100.0, "p95": 110.0, "p99": 120.0}
    assert found["stages_ms"] == {
        "track": {"p50": 8.0, "p95": 9.0, "p99": 10.0},
        "generate": {"p50": 10.0, "p95": 12.0, "p99": 14.0},
    }
    assert found["drops"] == {
        "sender.frames_dropped.late": 2,
        "receiver.frames_dropped": 11,
        "player.pictures": 1,
    }
    assert found["av_offset_ms"] is None
    assert found["rss_mb"] is None
    assert found["own_mb"] == 180.0
    assert found["glass_latency_ms"] == 121.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sender": []}, "the sender left no trace, so there is nothing to report"),
        ({"receiver": []}, "the receiver left no trace, so there is nothing to report"),
        ({"call": PlayedCall()}, "no picture was played, so there is nothing to report"),
    ],
)
def test_nothing_measured_is_one_clear_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        make_report(replace(_measurement(), **change))


def test_a_call_shorter_than_two_records_still_gives_numbers() -> None:
    measured = _measurement()
    short = replace(measured, call=PlayedCall(pictures=measured.call.pictures[:1]))
    report = make_report(short)
    assert report.fps_out == 0
    assert report.wire_bps_forward == pytest.approx(8000)
