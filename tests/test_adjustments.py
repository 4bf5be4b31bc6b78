"""Adjustments are made for versions that were read, each matters, and one package makes them."""

import ast
import logging
import os
import subprocess
import sys
from pathlib import Path

import aioice
import aiortc
import pytest

from shared.webrtc.aiortc import adjustments
from shared.webrtc.aiortc.adjustments import ADJUSTMENTS, Adjustment, Library
from tests.adjusted import WITHOUT

ROOT = Path(__file__).parent.parent

INSIDES = {
    "aioice",
    "OpenSSL",
    "pylibsrtp",
    "aiortc.clock",
    "aiortc.codecs",
    "aiortc.rtcdtlstransport",
    "aiortc.rtcicetransport",
    "aiortc.rtcrtpreceiver",
    "aiortc.rtcrtpsender",
    "aiortc.rtcsctptransport",
    "aiortc.rtp",
    "aiortc.sdp",
}

SHOWN_BY = {
    "SCTP handshake": "test_sctp_adjustments.py -k init_carries_tag_0",
    "SCTP limits": "test_sctp_adjustments.py -k never_ends",
    "SCTP packets": "test_sctp_adjustments.py -k share_a_packet",
    "SCTP recovery": "test_sctp_loss.py -k 0.3",
    "SCTP acknowledgements": "test_sctp_adjustments.py -k acknowledged_together",
    "DTLS cipher": "test_dtls_adjustments.py -k smallest_records",
    "SRTP tag": "test_dtls_adjustments.py -k shortest_tags",
    "DTLS flights": "test_dtls_adjustments.py -k lost_flights",
    "RTCP reports": "test_rtcp_adjustments.py -k sender_of_sound",
    "RTCP name": "test_rtcp_adjustments.py -k names_are_short",
    "VP8 encoder": "test_video_encoder.py -k faint_detail",
    "wall clock": "test_rtcp_adjustments.py -k whole_microseconds",
    "bundled candidates": "test_ice_adjustments.py -k once_for_all",
    "datagram counting": "integration/test_adjusted_peers.py -k with_ourselves",
    "ICE sockets": "test_ice_adjustments.py -k ipv4",
    "ICE ports": "test_ice_ports.py -k of_the_range",
    "ICE checks": "test_ice_adjustments.py -k one_interval",
    "ICE consent": "test_ice_adjustments.py -k ends_by_itself",
    "relay gathering": "test_relay_gathering.py -k silent",
}
"""A test for each that fails without it."""


def _passes(test: str, without: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, *test.split(" ", 2)],
        cwd=ROOT / "tests",
        env={**os.environ, WITHOUT: without},
        capture_output=True,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stdout.decode()
    return ended.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("adjustment", ADJUSTMENTS, ids=lambda adjustment: adjustment.name)
def test_without_each_adjustment_a_test_fails(adjustment: Adjustment) -> None:
    test = SHOWN_BY[adjustment.name]
    assert _passes(test, without="none")
    assert not _passes(test, without=adjustment.name)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing installed yet, as far as `apply` knows."""
    monkeypatch.setattr(adjustments, "_installed", set())
    monkeypatch.setattr(adjustments, "_refused", set())


@pytest.mark.usefixtures("fresh")
def test_another_version_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    installed: list[str] = []
    known = Adjustment("known", Library.AIOICE, lambda: installed.append("known"))
    unknown = Adjustment("unknown", Library.AIORTC, lambda: installed.append("unknown"))
    monkeypatch.setattr(aiortc, "__version__", "2.0.0")
    monkeypatch.setattr(aioice, "__version__", "0.13.7")
    with caplog.at_level(logging.WARNING):
        adjustments.apply((known, unknown))
        adjustments.apply((known, unknown))
    assert installed == ["known"]
    assert caplog.messages == ["unknown not adjusted: aiortc 2.0.0, only 1.16.x is known"]


def test_the_installed_versions_are_known() -> None:
    for library in Library:
        assert library.version.startswith(library.value)


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


@pytest.mark.parametrize("package", ["shared", "sender", "receiver", "export", "benchmarks"])
def test_one_package_knows_the_insides(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if path.parent != ROOT / "shared" / "webrtc" / "aiortc":
            known = {
                name
                for name in _imports(path)
                for inside in INSIDES
                if name == inside or name.startswith(inside + ".")
            }
            assert not known, path
