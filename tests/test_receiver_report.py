"""Receiver reports: a fixed layout, safe against any bytes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec_tables import BITSTREAM_VERSION
from shared.errors import BitstreamError
from shared.parameter_message import MessageKind, message_kind
from shared.receiver_report import REPORT_BYTES, ReceiverReport

FIRST = bytes([BITSTREAM_VERSION << 5 | MessageKind.REPORT << 3])


def test_bytes_and_back() -> None:
    report = ReceiverReport(newest=65_535, held=0x80000001, delay_ms=70_000, transit_ms=-3)
    data = report.pack()
    assert data == FIRST + bytes.fromhex("ffff 80000001 ffff fffd 00")
    assert len(data) == REPORT_BYTES
    assert message_kind(data) is MessageKind.REPORT
    parsed = ReceiverReport.parse(data + b"of a later version")
    assert (parsed.newest, parsed.held) == (65_535, 0x80000001)
    assert (parsed.delay_ms, parsed.transit_ms) == (65_535, 65_533)


@settings(deadline=None, max_examples=100)
@given(st.floats(500, 3e7))
def test_rates_are_told_to_a_few_percent(rate_bps: float) -> None:
    parsed = ReceiverReport.parse(ReceiverReport(0, 0, 0, 0, rate_bps).pack())
    assert abs(parsed.received_bps / rate_bps - 1) < 0.023


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=20))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    for probe in (data, FIRST + data):
        try:
            report = ReceiverReport.parse(probe)
        except BitstreamError:
            continue
        assert ReceiverReport.parse(report.pack()) == report
