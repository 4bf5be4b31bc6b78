"""A self-signed certificate names this machine, and is kept while it fits."""

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from receiver.tls import check_pair, own_names, self_signed
from shared.errors import ConfigError


def alternative_names(path: Path) -> set[str]:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_it_names_the_host_and_loopback_and_is_a_pair(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "state", host="call.example")
    assert {"call.example", "127.0.0.1", "::1", *own_names()} <= alternative_names(certificate)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    check_pair(certificate, key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)


def test_it_is_kept_until_the_machine_is_called_something_else(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, host="0.0.0.0")
    first = certificate.read_bytes()
    self_signed(tmp_path, host="127.0.0.1")
    assert certificate.read_bytes() == first
    self_signed(tmp_path, host="other.example")
    assert "other.example" in alternative_names(certificate)
    assert certificate.read_bytes() != first


def test_files_that_are_no_pair_are_refused(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "one", host="localhost")
    _, key = self_signed(tmp_path / "two", host="localhost")
    with pytest.raises(ConfigError, match="are no certificate and its key in PEM"):
        check_pair(certificate, key)
    with pytest.raises(ConfigError, match="No such file or directory"):
        check_pair(tmp_path / "absent.pem", key)
