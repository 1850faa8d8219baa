"""Keys and certificates of the example data: real in form, derived from a seed, of use to nobody."""

from __future__ import annotations

import base64
import struct
import textwrap
from datetime import datetime


def ssh_key(seed: bytes, comment: str) -> tuple[str, str]:
    """A private key in OpenSSH's own format (its PROTOCOL.key) and the public line, Ed25519, from 32 bytes.

    Built here because the usual writers put random check numbers in.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - slow to import

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    kind = b"ssh-ed25519"
    blob = _string(kind) + _string(public)
    check = seed[:4]
    private = check + check + _string(kind) + _string(public) + _string(seed + public) + _string(comment.encode())
    private += bytes(range(1, 1 + -len(private) % 8))
    whole = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"") + struct.pack(">I", 1)
    whole += _string(blob) + _string(private)
    label = "OPENSSH PRIVATE KEY"
    body = textwrap.fill(base64.b64encode(whole).decode("ascii"), 70)
    line = f"{kind.decode()} {base64.b64encode(blob).decode('ascii')} {comment}\n"
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n", line


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def certificate(seed: bytes, host: str, start: datetime, end: datetime) -> tuple[str, str]:
    """A self-signed certificate for a host and its private key, as PEM, from 32 bytes; times are aware."""
    from cryptography import x509  # noqa: PLC0415 - slow to import
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = Ed25519PrivateKey.from_private_bytes(seed)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example, made up"),
            x509.NameAttribute(NameOID.COMMON_NAME, host),
        ]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(seed[:8]) | 1)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, algorithm=None)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signed.public_bytes(serialization.Encoding.PEM).decode("ascii"), private.decode("ascii")
