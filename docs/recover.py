#!/usr/bin/env python3
"""Turn a kvtui vault into a plain SQLite database without kvtui, as vault-format.md describes it.

    python3 recover.py VAULT OUT.db                       asks for a passphrase or a recovery key
    python3 recover.py VAULT OUT.db --passphrase-file F   takes the first line of a file; - is standard input
    python3 recover.py VAULT OUT.db --key-file F          a key file, with the passphrase or (empty) alone

VAULT is the folder of a vault that is closed, a copy of one, or what `tar xf` makes of a backup; it is only read. OUT.db
is new, 0600, and NOT ENCRYPTED: `sqlite3 OUT.db 'SELECT * FROM value'` shows every value of every version, as text,
JSON or bytes. Needs SQLite 3.37, the package cryptography 44 or later, nothing else. Status 0: all of it was recovered.
"""

import argparse
import base64
import getpass
import hashlib
import hmac
import json
import os
import re
import sqlite3
import struct
import sys
import unicodedata
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PAGE, TAIL = 4096, 80  # each page ends in its IV (16) and its HMAC (64)


def tell(text):
    print(f"recover: {text}", file=sys.stderr)


def hkdf(secret, salt, info):
    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


def read_header(vault):
    """The JSON of vault.hdr or of its copy, the bytes its MAC is over, the MAC."""
    for file in (vault / "vault.hdr", vault / "vault.hdr.bak"):
        data = file.read_bytes() if file.is_file() else b""
        if data.startswith(b"KVTUIVLT\x01") and hashlib.sha256(data[:-32]).digest() == data[-32:]:
            return json.loads(data[13:-64]), data[:-64], data[-64:-32]
        tell(f"{file} is missing, damaged or newer than this script.")
    sys.exit("recover: without a header there are no keys. Take vault.hdr from a backup.")


def read_passphrase(source):
    """The first line of a file, of standard input (-), or typed; in Unicode form C where it is text."""
    if source is None:
        line = getpass.getpass("Passphrase or recovery key (empty for a key file alone): ").encode()
    else:
        line, end, _ = (sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()).partition(b"\n")
        line = line.removesuffix(b"\r") if end else line
    try:
        return unicodedata.normalize("NFC", line.decode()).encode()
    except UnicodeDecodeError:
        return line


def recovery_key(passphrase):
    """The 32 bytes that eight groups of seven letters stand for, None for anything else."""
    letters = passphrase.decode("ascii", "replace").translate(str.maketrans("018", "OIB", " -\t\r\n")).upper()
    if not re.fullmatch("[A-Z2-7]{56}", letters):
        return None
    data = base64.b32decode(letters)
    return data[:32] if hashlib.sha256(b"kvtui/recovery" + data[:32]).digest()[:3] == data[32:] else None


def master_key(header, passphrase, key_file):
    uuid, recovery = bytes.fromhex(header["uuid"]), recovery_key(passphrase)
    digest = hashlib.sha256(key_file.read_bytes()).digest() if key_file else b""
    known = {"passphrase": (passphrase, b""), "passphrase+keyfile": (passphrase, digest), "keyfile": (digest, b"")}
    known = {"recovery": (b"", recovery)} if recovery else {**known, **({} if digest else {"passphrase+keyfile": (b"", b"")})}
    for slot in header["slots"]:
        stretched, direct = known.get(slot["type"], (b"", b""))
        salt, cost = bytes.fromhex(slot["salt"]), slot["kdf"]
        if not stretched + direct:
            continue
        if cost:
            if cost["memory_kib"] * cost["passes"] > 8 * 1024 * 1024:
                sys.exit("recover: the header asks for more than any kvtui writes: somebody changed it.")
            argon2id = Argon2id(salt=salt, length=32, iterations=cost["passes"], lanes=cost["lanes"], memory_cost=cost["memory_kib"], ad=uuid)
            stretched = argon2id.derive(stretched)
        kek = hkdf(stretched + direct, salt, f"kvtui/kek/{slot['type']}")
