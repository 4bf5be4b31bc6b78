"""Encryption that costs the fewest bytes a packet."""

from typing import Any

import aiortc.rtcdtlstransport
from aiortc.rtcdtlstransport import (
    SRTP_AES128_CM_SHA1_80,
    RTCCertificate,
    SRTPProtectionProfile,
)
from OpenSSL import SSL
from pylibsrtp import Policy

_CIPHERS = (
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
"""aiortc's suites, but first the one without eight bytes of nonce a record."""

SRTP_AES128_CM_SHA1_32 = SRTPProtectionProfile(
    libsrtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    openssl_profile=b"SRTP_AES128_CM_SHA1_32",
    key_length=16,
    salt_length=14,
)
"""RFC 5764, section 4.1.2: tags of 4 bytes on RTP, 10 on RTCP. RFC 3711, section 7.5, on what a
short tag means: one forged packet in 2^32 passes, and is worth 20 ms of sound."""

SRTP_PROFILES = [SRTP_AES128_CM_SHA1_32, SRTP_AES128_CM_SHA1_80]
"""In our order. AEAD's tags are 16 bytes, so it is not offered: every WebRTC endpoint has the
second (RFC 8827, section 6.5), which is what browsers agree on."""


def install_cipher() -> None:
    """ChaCha20-Poly1305 first, whichever side decides: 8 bytes less a data channel packet."""
    certificate: Any = RTCCertificate
    create_ssl_context = certificate._create_ssl_context

    def _create_ssl_context(self: Any, srtp_profiles: Any) -> Any:
        context = create_ssl_context(self, srtp_profiles)
        context.set_cipher_list(_CIPHERS)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        return context

    certificate._create_ssl_context = _create_ssl_context


def install_srtp() -> None:
    """The shortest tag that both sides allow: 12 bytes less a packet of sound between ours."""
    aiortc.rtcdtlstransport.SRTP_PROFILES = SRTP_PROFILES
