"""Turn a kvtui vault into a plain SQLite file, without kvtui: the format page as a program.

    python recover.py VAULT OUT.db [--key-file FILE] [--passphrase-file FILE] [--force]

VAULT is the vault's folder, or a backup unpacked with tar. Any one of its keys opens it: the passphrase or the recovery
key (asked for, or the first line of a file), a key file, or a passphrase together with a key file. OUT.db is NOT
ENCRYPTED: all tables as they are, and a table `value(path, version, name, kind, value)` with every value that is still
stored. Needs Python 3.11 and the package `cryptography`, nothing else. Damaged pages end it, unless --force: they are
named and left empty, and `sqlite3 OUT.db .recover` gets what there is around them.
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import json
import os
import sqlite3
import struct
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGE, RESERVED = 4096, 80  # SQLCipher 4: each page ends with 16 bytes of IV and 64 of HMAC-SHA512


def hkdf(secret: bytes, salt: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


# From a key to the master key


def read_header(vault: Path) -> dict:
    for name in ("vault.hdr", "vault.hdr.bak"):
        data = (vault / name).read_bytes() if (vault / name).exists() else b""
        if data[:9] == b"KVTUIVLT\x01" and hashlib.sha256(data[:-32]).digest() == data[-32:]:
            return json.loads(data[13:-64])
        print(f"{name} is missing or damaged.", file=sys.stderr)
    sys.exit("Without a header there is no key: look for a backup of vault.hdr.")


def recovery_key(text: str) -> bytes | None:
    """The 32 bytes of a recovery key, None for anything else."""
    letters = text.upper().translate(str.maketrans("018", "OIB", " -\t")).strip()
    try:
        data = base64.b32decode(letters)
    except ValueError:
        return None
    key = data[:32]
    return key if len(data) == 35 and hashlib.sha256(b"kvtui/recovery" + key).digest()[:3] == data[32:] else None


def master_key(header: dict, passphrase: str | None, key_file: bytes | None) -> bytes:
    uuid = bytes.fromhex(header["uuid"])
    recovery = recovery_key(passphrase) if passphrase else None
    phrase = unicodedata.normalize("NFC", passphrase).encode() if passphrase else None
    digest = hashlib.sha256(key_file).digest() if key_file else None
    for slot in header["slots"]:
        stretched, direct = {
            "passphrase": (phrase, b""),
            "keyfile": (digest, b""),
            "passphrase+keyfile": (phrase, digest),
            "recovery": (b"", recovery),
        }[slot["type"]]
        if stretched is None or direct is None:
            continue
        salt, kdf = bytes.fromhex(slot["salt"]), slot["kdf"]
        if kdf:
            cost = {"iterations": kdf["passes"], "lanes": kdf["lanes"], "memory_cost": kdf["memory_kib"]}
            stretched = Argon2id(salt=salt, length=32, ad=uuid, **cost).derive(stretched)
        kek = hkdf(stretched + direct, salt, "kvtui/kek/" + slot["type"])
        rest = {name: value for name, value in slot.items() if name != "wrapped"}
        bound = uuid + json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
        try:
            return AESGCM(kek).decrypt(bytes.fromhex(slot["nonce"]), bytes.fromhex(slot["wrapped"]), bound)
        except InvalidTag:
            continue
    sys.exit("This opens nothing: wrong passphrase, key file or recovery key.")


# From the page key to plain pages


def decrypt_page(page: bytes, number: int, key: bytes, mac_key: bytes) -> bytes | None:
    """None when the page is not what was written at this place under this key."""
    start = 16 if number == 1 else 0  # page 1 begins with the salt of the database
    body, iv, mac = page[start:-RESERVED], page[-RESERVED:-64], page[-64:]
    if not hmac.compare_digest(hmac.digest(mac_key, body + iv + struct.pack("<I", number), "sha512"), mac):
        return None
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    return (b"SQLite format 3\0" if start else b"") + decryptor.update(body) + decryptor.finalize() + bytes(RESERVED)


def committed_frames(wal: bytes) -> dict[int, bytes]:
    """The newest committed version of each page in a write-ahead log (sqlite.org/fileformat2.html, section 4)."""
    if len(wal) < 32 or struct.unpack(">I", wal[:4])[0] & ~1 != 0x377F0682:
        return {}
    order = ">" if wal[3] & 1 else "<"

    def checksum(data: bytes, s0: int, s1: int) -> tuple[int, int]:
        words = struct.unpack(f"{order}{len(data) // 4}I", data)
        for first, second in zip(words[::2], words[1::2], strict=True):
            s0 = (s0 + first + s1) & 0xFFFFFFFF
            s1 = (s1 + second + s0) & 0xFFFFFFFF
        return s0, s1

    sums = checksum(wal[:24], 0, 0)
    if sums != struct.unpack(">II", wal[24:32]):
        return {}
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    for at in range(32, len(wal) - PAGE - 23, PAGE + 24):
        frame, page = wal[at : at + 24], wal[at + 24 : at + 24 + PAGE]
        sums = checksum(frame[:8] + page, *sums)
        if frame[8:16] != wal[16:24] or struct.unpack(">II", frame[16:]) != sums:
            break
        number, size = struct.unpack(">II", frame[:8])
        pending[number] = page
        if size:  # the last frame of a commit
            committed = {n: p for n, p in (committed | pending).items() if n <= size}
            pending = {}
    return committed


def plain_database(vault: Path, key: bytes, *, force: bool) -> bytes:
    data = (vault / "vault.db").read_bytes()
    wal = vault / "vault.db-wal"
    newer = committed_frames(wal.read_bytes()) if wal.exists() else {}
    first = newer.get(1, data[:PAGE])
    mac_key = hashlib.pbkdf2_hmac("sha512", key, bytes(byte ^ 0x3A for byte in first[:16]), 2, 32)
    plain = bytearray()
    for number in range(1, max([len(data) // PAGE, *newer]) + 1):
        page = decrypt_page(newer.get(number, data[(number - 1) * PAGE : number * PAGE]), number, key, mac_key)
        if page is None:
            print(f"Page {number} is damaged.", file=sys.stderr)
            if not force:
                sys.exit("Nothing was written. --force leaves damaged pages empty.")
            page = bytes(PAGE)
        if number == 1:
            page = page[:18] + b"\x01\x01" + page[20:]  # no write-ahead log any more
        plain += page
    return bytes(plain)


# From sealed to plain values


def unsealed(sealed: bytes, key: bytes, uuid: bytes, secret: int, version: int) -> str:
    """The fields of one version: ASCII JSON `[[name, kind, value], …]`."""
    place = uuid + secret.to_bytes(8, "big") + version.to_bytes(8, "big")
    value_key = hashlib.blake2b(sealed[:16] + place, key=key, digest_size=32).digest()
    return AESGCM(value_key).decrypt(bytes(12), sealed[16:], place).decode("ascii")


def fields(text: str) -> Iterator[tuple[str, str, str | bytes]]:
    """Name, kind and value of each field: text as it is, bytes, any other JSON as it was written, to the digit."""
    decode, at = json.JSONDecoder().raw_decode, 1
    while text[at] == "[":
        name, at = decode(text, at + 1)
        kind, at = decode(text, at + 2)
        value, end = decode(text, start := at + 2)
        if kind == "b":
            yield name, "bytes", base64.b64decode(value)
        else:
            yield name, *(("text", value) if isinstance(value, str) else ("json", text[start:end]))
        at = end + (3 if text[end + 1] == "," else 1)


def storable(text: str | bytes) -> str | bytes:
    """SQLite's text is UTF-8: half a character becomes a question mark."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace").decode()


def add_values(out: Path, key: bytes, uuid: bytes) -> int:
    """How many were lost."""
    database = sqlite3.connect(out)
    database.execute("CREATE TABLE value(path TEXT, version INTEGER, name TEXT, kind TEXT, value)")
    rows = database.execute(
        "SELECT path, number, secret, sealed FROM version JOIN secret ON id = secret WHERE sealed NOT NULL"
    ).fetchall()
    lost = 0
    for path, number, secret, sealed in rows:
        try:
            for name, kind, value in fields(unsealed(sealed, key, uuid, secret, number)):
                row = (path, number, storable(name), kind, storable(value))
                database.execute("INSERT INTO value VALUES(?, ?, ?, ?, ?)", row)
        except (InvalidTag, ValueError):
            print(f"{path}, version {number}: the value is damaged.", file=sys.stderr)
            lost += 1
    database.commit()
    database.close()
    return lost


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vault", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--passphrase-file", type=Path)
    parser.add_argument("--force", action="store_true")
    args = parser.parse_args()
    header = read_header(args.vault)
    if args.passphrase_file:
        passphrase = args.passphrase_file.read_text("utf-8").split("\n")[0].removesuffix("\r")
    else:
        passphrase = None if args.key_file else getpass.getpass("Passphrase or recovery key: ")
    master = master_key(header, passphrase, args.key_file.read_bytes() if args.key_file else None)
    uuid = bytes.fromhex(header["uuid"])
    plain = plain_database(args.vault, hkdf(master, uuid, "kvtui/page-key"), force=args.force)
    with os.fdopen(os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(plain)
    lost = add_values(args.out, hkdf(master, uuid, "kvtui/value"), uuid)
    print(f"{args.out} holds everything in PLAIN TEXT. Remove it when you are done.", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
