"""One-time password settings of KeePass and its plugins, as the `otpauth:` URI that all programs read.

Sources: KeePass help, "Placeholders", one-time passwords (`TimeOtp-*`); KeeOtp (`key=…&step=…&size=…` in `otp`);
KeeTrayTOTP (`TOTP Seed`, `TOTP Settings`); the URI is the Key Uri Format of Google Authenticator.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, quote


def taken_from(strings: Mapping[str, str], label: str) -> tuple[str | None, set[str]]:
    """The URI that the strings of an entry stand for, and the names of those it takes the place of. None, and no names,
    where there are none, or they are not understood."""
    if "otp" in strings:
        return _otp(strings["otp"], label)
    try:
        if _SEED in strings:
            period, digits = (strings.get(_SEED_SETTINGS) or "30;6").split(";")[:2]
            uri = _uri(_from_base32(strings[_SEED]), label, period, digits, "SHA1")
            return uri, {_SEED, _SEED_SETTINGS} & set(strings)
        names = [name for name in _SECRETS if name in strings]
        if len(names) != 1:
            return None, set()
        length, period, algorithm = (strings.get(name) or default for name, default in _SETTINGS.items())
        uri = _uri(_SECRETS[names[0]](strings[names[0]]), label, period, length, _ALGORITHMS[algorithm])
    except (ValueError, KeyError):
        return None, set()
    return uri, {names[0], *(set(_SETTINGS) & set(strings))}


def _otp(text: str, label: str) -> tuple[str | None, set[str]]:
    if text.startswith("otpauth:"):
        return text, {"otp"}
    try:
        query = parse_qs(text, strict_parsing=True)
        if not set(query) <= {"key", "step", "size"}:
            return None, set()
        key, step, size = (
            query.get(name, [default])[0] for name, default in (("key", ""), ("step", "30"), ("size", "6"))
        )
        return _uri(_from_base32(key), label, step, size, "SHA1"), {"otp"}
    except ValueError:
        return None, set()


def _from_base32(text: str) -> bytes:
    plain = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        return base64.b32decode(plain + "=" * (-len(plain) % 8))
    except binascii.Error:
        raise ValueError from None


def _uri(secret: bytes, label: str, period: str, digits: str, algorithm: str) -> str:
    if not secret or not 0 < int(period) < 1 << 31 or not 0 < int(digits) < 20:
        raise ValueError
    code = base64.b32encode(secret).decode("ascii").rstrip("=")
    return (
        f"otpauth://totp/{quote(label, safe='', errors='replace')}"
        f"?secret={code}&period={int(period)}&digits={int(digits)}&algorithm={algorithm}"
    )


_ALGORITHMS = {"HMAC-SHA-1": "SHA1", "HMAC-SHA-256": "SHA256", "HMAC-SHA-512": "SHA512"}
_SECRETS: Mapping[str, Callable[[str], bytes]] = {
    "TimeOtp-Secret": lambda text: text.encode("utf-8"),
    "TimeOtp-Secret-Hex": bytes.fromhex,
    "TimeOtp-Secret-Base32": _from_base32,
    "TimeOtp-Secret-Base64": lambda text: base64.b64decode(text, validate=True),
}
_SETTINGS = {"TimeOtp-Length": "6", "TimeOtp-Period": "30", "TimeOtp-Algorithm": "HMAC-SHA-1"}
"""With what counts where they are not there."""
_SEED, _SEED_SETTINGS = "TOTP Seed", "TOTP Settings"
