"""HTTPS for a machine without a domain name: browsers give cameras only to secure pages."""

import datetime
import ipaddress
import os
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.errors import ConfigError

VALID_DAYS = 365
_RENEW_DAYS = 7
_DOCUMENTATION_ADDRESSES = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Reserved (RFC 5737, RFC 3849); connecting a UDP socket there sends nothing but picks a route."""


def own_addresses() -> tuple[str, ...]:
    """The addresses by which others reach this machine, loopback last."""
    addresses = []
    for family, elsewhere in _DOCUMENTATION_ADDRESSES.items():
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                addresses.append(str(probe.getsockname()[0]))
        except OSError:
            continue  # no network of this family
    return (*addresses, "127.0.0.1", "::1")


def own_names() -> tuple[str, ...]:
    """The names by which others may call this machine."""
    name = socket.gethostname()
    return tuple(dict.fromkeys((name, f"{name.partition('.')[0]}.local", "localhost")))


def self_signed(folder: Path, *, host: str) -> tuple[Path, Path]:
    """(certificate, key) in `folder`, for `host` and everything this machine is called.

    Kept, so that a browser asks once, and made anew when it runs out or the machine is called
    something else. Raises ConfigError when the folder cannot be written.
    """
    certificate_path, key_path = folder / "certificate.pem", folder / "key.pem"
    subjects = _subjects((host, *own_names(), *own_addresses()))
    try:
        if key_path.exists() and _is_current(certificate_path, subjects):
            return certificate_path, key_path
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        _write_private(
            key_path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        certificate = _certificate(key, subjects)
        certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise ConfigError(f"certificate in {folder}: {error.strerror}") from error
    return certificate_path, key_path


def check_pair(certificate: Path, key: Path) -> None:
    """Raises ConfigError when the files are no certificate and its key."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"{certificate} and {key} are no certificate and its key in PEM: {reason}"
        ) from error


def _subjects(hosts: tuple[str, ...]) -> list[x509.GeneralName]:
    subjects: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            subjects.append(x509.DNSName(host))
        else:
            # 0.0.0.0 and :: are where to listen, not where anybody connects to.
            if not address.is_unspecified:
                subjects.append(x509.IPAddress(address))
    return subjects


def _is_current(path: Path, subjects: list[x509.GeneralName]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    remaining = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return remaining.days >= _RENEW_DAYS and set(subjects) <= set(names)


def _certificate(
    key: ec.EllipticCurvePrivateKey, subjects: list[x509.GeneralName]
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Kilocall receiver")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _write_private(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
