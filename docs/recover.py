"""Turn a kvtui vault into a plain SQLite database without kvtui, the way vault-format.md describes it.

    python3 recover.py VAULT OUT.db                       asks for the passphrase or the recovery key
    python3 recover.py VAULT OUT.db --passphrase-file F   takes the first line of a file; - is standard input
    python3 recover.py VAULT OUT.db --key-file F          a key file, with its passphrase or (empty) without

VAULT is the folder of a closed vault, a copy of it, or what `tar xf` makes of a backup; it is only read. OUT.db is new,
0600 and NOT ENCRYPTED: `sqlite3 OUT.db "SELECT * FROM value"` shows each field of each version, as text, JSON or bytes.
Needs Python 3.9 with SQLite 3.37, and cryptography 44. Exit status 0: everything was recovered.
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
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

PAGE = 4096


def read_header(vault):
    """vault.hdr, or its copy: the JSON in it, the bytes its MAC is over, the MAC."""
    for file in (vault / "vault.hdr", vault / "vault.hdr.bak"):
        data = file.read_bytes() if file.is_file() else b""
        if data.startswith(b"KVTUIVLT\x01") and hashlib.sha256(data[:-32]).digest() == data[-32:]:
            return json.loads(data[13:-64]), data[:-64], data[-64:-32]
        tell(f"{file} is missing, damaged, or newer than this script.")
    sys.exit("recover: Without a header there are no keys. Take vault.hdr from a backup.")


def read_passphrase(source):
    if source is None:
        data = getpass.getpass("Passphrase or recovery key (empty: a key file alone): ").encode()
    else:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    line = re.sub(rb"\r?\n.*", b"", data, count=1, flags=re.DOTALL)
    try:
        return unicodedata.normalize("NFC", line.decode()).encode()
    except UnicodeDecodeError:
        return line


def recovery_key(passphrase):
    """The 32 bytes a recovery key stands for; None for any other passphrase."""
    letters = passphrase.decode("utf-8", "replace").translate(str.maketrans("018", "OIB", " -\t\r\n")).upper()
    data = base64.b32decode(letters) if re.fullmatch("[A-Z2-7]{56}", letters) else b""
    return data[:32] if data[32:] == hashlib.sha256(b"kvtui/recovery" + data[:32]).digest()[:3] else None


def argon2id(secret, slot, uuid):
    memory, passes, lanes = (slot["kdf"][name] for name in ("memory_kib", "passes", "lanes"))
    if memory * passes > 8 * 1024 * 1024:
        sys.exit("recover: The header asks for more than kvtui ever does: somebody changed it.")
    salt = bytes.fromhex(slot["salt"])
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory, ad=uuid).derive(secret)


def hkdf(secret, salt, info):
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info.encode() + b"\x01", "sha256")


def master_key(slots, uuid, passphrase, key_file):
    """What is in the first slot that opens; `key_file` is the SHA-256 of one, or empty."""
    recovery = recovery_key(passphrase)
    for slot in slots:
        kind = slot["type"]
        if kind == "recovery" and recovery:
            ikm = recovery
        elif kind == "passphrase" and passphrase and not recovery:
            ikm = argon2id(passphrase, slot, uuid)
        elif kind == "keyfile" and key_file:
            ikm = argon2id(key_file, slot, uuid)
        elif kind == "passphrase+keyfile" and passphrase and key_file:
            ikm = argon2id(passphrase, slot, uuid) + key_file
        else:
            continue
        kek = hkdf(ikm, bytes.fromhex(slot["salt"]), f"kvtui/kek/{kind}")
        others = {name: value for name, value in slot.items() if name != "wrapped"}
        bound = uuid + json.dumps(others, sort_keys=True, separators=(",", ":")).encode()
        try:
            return AESGCM(kek).decrypt(bytes.fromhex(slot["nonce"]), bytes.fromhex(slot["wrapped"]), bound)
        except InvalidTag:
            continue
    sys.exit("recover: This opens nothing: wrong passphrase, key file or recovery key.")


def committed(log):
    """Where in the write-ahead log (sqlite.org/fileformat2.html) the newest committed copy of each page begins."""
    done, pending, head = {}, {}, log.read(32)
    sums = checksum(head, head[:24], (0, 0))
    while len(frame := log.read(24 + PAGE)) == 24 + PAGE and frame[8:16] == head[16:24]:  # the salts of this log
        sums = checksum(head, frame[:8] + frame[24:], sums)
        if struct.pack(">II", *sums) != frame[16:24]:
            tell("The write-ahead log ends in a torn or damaged page: what came after it is not recovered.")
            break
        number, commit = struct.unpack(">II", frame[:8])
        pending[number] = log.tell() - PAGE
        if commit:
            done.update(pending)
            pending.clear()
    return done


def checksum(head, data, sums):
    first, second = sums
    words = struct.unpack(f"{'>' if head[3:4] == bytes([0x83]) else '<'}{len(data) // 4}I", data)
    for at in range(0, len(words), 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return first, second


def plain_page(page, number, key, salt):
    """A page (SQLCipher 4) without its IV and MAC; None when it is not what was written there under this key."""
    body, iv, mac = page[16 * (number == 1) : -80], page[-80:-64], page[-64:]  # the first page begins with the salt
    mac_key = hashlib.pbkdf2_hmac("sha512", key, bytes(byte ^ 0x3A for byte in salt), 2, 32)
    if not hmac.compare_digest(hmac.digest(mac_key, body + iv + struct.pack("<I", number), "sha512"), mac):
        return None
    plain = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor().update(body) + bytes(80)
    # The header of the file says from here on that there is no write-ahead log.
    return b"SQLite format 3\0" + plain[:2] + b"\1\1" + plain[4:] if number == 1 else plain


def opens(file, key):
    with (file if file.exists() else Path(os.devnull)).open("rb") as stream:
        first = stream.read(PAGE)
    return plain_page(first, 1, key, first[:16]) is not None


def decrypt(vault, key, out):
    """Write all pages in plain; the numbers of the damaged ones, which are left zero."""
    name = "vault.db"
    if opens(vault / "vault.db.next", key) and not opens(vault / name, key):
        name = "vault.db.next"  # a change of the master key was cut short
    log_file = vault / f"{name}-wal"
    log_file = log_file if log_file.exists() else Path(os.devnull)
    with (vault / name).open("rb") as database, log_file.open("rb") as log:
        salt, newer, damaged, number = database.read(16), committed(log), [], 0
        count = -(-os.fstat(database.fileno()).st_size // PAGE)
        while number < count:
            number += 1
            source, place = (log, newer[number]) if number in newer else (database, (number - 1) * PAGE)
            source.seek(place)
            plain = plain_page(source.read(PAGE), number, key, salt)
            if plain is None:
                damaged.append(number)
            elif number == 1:
                count = int.from_bytes(plain[28:32], "big")
            out.write(plain or bytes(PAGE))
    return damaged


def fields(text):
    """[[name, kind, value], ...] as rows; what is neither text nor bytes stays JSON, digit for digit."""
    decode, at = json.JSONDecoder().raw_decode, 1
    while at := text.find("[", at) + 1:
        name, at = decode(text, at)
        kind, at = decode(text, text.index('"', at))
        start = re.compile(r"[\s,]*").match(text, at).end()
        value, at = decode(text, start)
        name = re.sub("[\0\ud800-\udfff\ufdd0]", lambda special: f"\ufdd0{ord(special[0]):04x}", name)
        if kind == "b":
            yield name, "bytes", base64.b64decode(value)
        elif isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value):
            yield name, "text", value
        else:
            yield name, "json", text[start:at]


def add_values(database, key, uuid):
    """Fill the table `value` with all that can be read and unsealed; yields what cannot, in words."""
    database.execute("CREATE TABLE value(path TEXT, version INTEGER, name TEXT, kind TEXT, value)")
    last = database.execute("SELECT max(seq) FROM sqlite_sequence").fetchone()[0] or 0
    for secret in range(1, last + 1):  # one by one, as a damaged page ends a query
        path = f"secret {secret}"
        try:
            path = (database.execute("SELECT path FROM secret WHERE id = ?", (secret,)).fetchone() or [path])[0]
            versions = "SELECT number, sealed FROM version WHERE secret = ? AND sealed IS NOT NULL"
            for version, sealed in database.execute(versions, (secret,)):
                place = uuid + struct.pack(">QQ", secret, version)
                own = hashlib.blake2b(sealed[:16] + place, key=key, digest_size=32).digest()
                try:
                    text = AESGCM(own).decrypt(bytes(12), sealed[16:], place).decode("ascii")
                except InvalidTag:
                    yield f"{path!a}, version {version}: the value was changed, or is another's."
                    continue
                rows = ((path, version, *row) for row in fields(text))
                database.executemany("INSERT INTO value VALUES(?, ?, ?, ?, ?)", rows)
        except sqlite3.DatabaseError as error:
            yield f"{path!a} or its versions: {error}."


def recover(vault, path, passphrase, key_file):
    """Write the plain database into the file that was made at a path; yields what is wrong, in words."""
    header, signed, mac = read_header(vault)
    uuid = bytes.fromhex(header["uuid"])
    master = master_key(header["slots"], uuid, passphrase, key_file)
    if not hmac.compare_digest(hmac.digest(hkdf(master, uuid, "kvtui/header-mac"), signed, "sha256"), mac):
        yield "The header was changed by somebody without a key."
    with path.open("wb") as out:
        damaged = decrypt(vault, hkdf(master, uuid, "kvtui/page-key"), out)
    yield from (f"Page {number} is damaged." for number in damaged)
    database = sqlite3.connect(path)
    try:
        database.execute("PRAGMA journal_mode = MEMORY")
        yield from add_values(database, hkdf(master, uuid, "kvtui/value"), uuid)
        database.commit()
    except sqlite3.DatabaseError as error:
        yield f"The tables cannot be read: {error}. Try .recover of the sqlite3 shell."
    finally:
        database.close()


def tell(text):
    print(f"recover: {text}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vault", metavar="VAULT", type=Path)
    parser.add_argument("out", metavar="OUT.db", type=Path)
    parser.add_argument("--passphrase-file", metavar="F")
    parser.add_argument("--key-file", metavar="F", type=Path)
    parser.add_argument("--force", action="store_true", help="keep what can be read of a damaged vault")
    args = parser.parse_args()
    key_file = hashlib.sha256(args.key_file.read_bytes()).digest() if args.key_file else b""
    passphrase = read_passphrase(args.passphrase_file)
    os.close(os.open(args.out, os.O_CREAT | os.O_EXCL, 0o600))
    wrong = 0
    try:
        for finding in recover(args.vault, args.out, passphrase, key_file):
            tell(finding)
            wrong = 1
        if wrong and not args.force:
            sys.exit("recover: Nothing was written. --force keeps what can be read.")
    except BaseException:
        args.out.unlink()
        raise
    tell(f"{args.out} is NOT ENCRYPTED: whoever reads it has every secret. Move them, then delete it.")
    sys.exit(wrong)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"recover: {error}")
