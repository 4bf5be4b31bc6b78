"""Which adjustments there are, and for which versions of the library each was made."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import aioice
import aiortc

from shared.webrtc.aiortc import (
    bundled_candidates,
    consent,
    datagrams,
    dtls_flights,
    dtls_profiles,
    ice_checks,
    ice_ports,
    ice_sockets,
    relay_gathering,
    rtcp_reports,
    sctp_acknowledgements,
    sctp_handshake,
    sctp_limits,
    sctp_packets,
    sctp_recovery,
    video,
    wall_clock,
)

logger = logging.getLogger(__name__)


class Library(Enum):
    """A library whose insides are changed, and the versions that were read."""

    AIORTC = "1.16."
    AIOICE = "0.13."

    @property
    def version(self) -> str:
        """What is installed."""
        return aiortc.__version__ if self is Library.AIORTC else aioice.__version__


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One change of a library, made once a process."""

    name: str
    library: Library
    install: Callable[[], None]


ADJUSTMENTS = (
    Adjustment("SCTP handshake", Library.AIORTC, sctp_handshake.install),
    Adjustment("SCTP limits", Library.AIORTC, sctp_limits.install),
    Adjustment("SCTP packets", Library.AIORTC, sctp_packets.install),
    Adjustment("SCTP recovery", Library.AIORTC, sctp_recovery.install),
    Adjustment("SCTP acknowledgements", Library.AIORTC, sctp_acknowledgements.install),
    Adjustment("DTLS cipher", Library.AIORTC, dtls_profiles.install_cipher),
    Adjustment("SRTP tag", Library.AIORTC, dtls_profiles.install_srtp),
    Adjustment("DTLS flights", Library.AIORTC, dtls_flights.install),
    Adjustment("RTCP reports", Library.AIORTC, rtcp_reports.install),
    Adjustment("RTCP name", Library.AIORTC, rtcp_reports.install_name),
    Adjustment("VP8 encoder", Library.AIORTC, video.install),
    Adjustment("wall clock", Library.AIORTC, wall_clock.install),
    Adjustment("bundled candidates", Library.AIORTC, bundled_candidates.install),
    Adjustment("datagram counting", Library.AIOICE, datagrams.install),
    Adjustment("ICE sockets", Library.AIOICE, ice_sockets.install),
    Adjustment("ICE ports", Library.AIOICE, ice_ports.install),
    Adjustment("ICE checks", Library.AIOICE, ice_checks.install),
    Adjustment("ICE consent", Library.AIOICE, consent.install),
    Adjustment("relay gathering", Library.AIOICE, relay_gathering.install),
)

_installed: set[str] = set()
_refused: set[str] = set()


def apply(adjustments: Sequence[Adjustment] = ADJUSTMENTS) -> None:
    """Install what is not installed yet and was made for the versions that are here.

    A version not known is left alone, which one line in the log says.
    """
    for adjustment in adjustments:
        known, found = adjustment.library.value, adjustment.library.version
        if adjustment.name in _installed | _refused:
            continue
        if found.startswith(known):
            _installed.add(adjustment.name)
            adjustment.install()
        else:
            _refused.add(adjustment.name)
            logger.warning(
                "%s not adjusted: %s %s, only %sx is known",
                adjustment.name,
                adjustment.library.name.lower(),
                found,
                known,
            )
