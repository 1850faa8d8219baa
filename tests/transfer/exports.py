"""Small exports of other programs, written after their documentation. Nothing in them is anybody's."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any
from xml.sax.saxutils import escape, quoteattr

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
BIN = base64.b64encode(b"the recycle bin.").decode()

# -- KeePass


def string(key: str, value: str, **attributes: str) -> str:
    about = "".join(f" {name}={quoteattr(text)}" for name, text in attributes.items())
    return f"<String><Key>{_text(key)}</Key><Value{about}>{_text(value)}</Value></String>"


def _text(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def entry(title: str, *inner: str, password: str = "", times: str = "") -> str:
    return (
        f"<Entry><UUID>AA==</UUID>{times}{string('Title', title)}{string('UserName', '')}"
        f"{string('Password', password, ProtectInMemory='True')}{string('URL', '')}{string('Notes', '')}"
        f"{''.join(inner)}</Entry>"
    )


def group(name: str, *inner: str, uuid: str = "AQ==", notes: str = "") -> str:
    return (
        f"<Group><UUID>{uuid}</UUID><Name>{escape(name)}</Name><Notes>{escape(notes)}</Notes>{''.join(inner)}</Group>"
    )


def keepass(*inner: str, meta: str = "", before: str = "") -> bytes:
    """A database with these groups and entries in its root group."""
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
    about = f"<Meta><Generator>KeePass</Generator><RecycleBinUUID>{BIN}</RecycleBinUUID>{meta}</Meta>"
    return f"{head}{before}<KeePassFile>{about}<Root>{group('Database', *inner)}</Root></KeePassFile>".encode()


def times(changed: str, created: str = "2020-01-02T03:04:05Z", more: str = "") -> str:
    return (
        f"<Times><CreationTime>{created}</CreationTime><LastModificationTime>{changed}</LastModificationTime>"
        f"{more}</Times>"
    )


# -- Bitwarden


def bitwarden(*items: dict[str, Any], **more: Any) -> bytes:
    document = {"encrypted": False, "folders": [{"id": "f1", "name": "Work/Servers"}], "items": list(items), **more}
    return json.dumps(document, indent=2).encode()


LOGIN = {
    "id": "i1",
    "organizationId": None,
    "folderId": "f1",
    "type": 1,
    "reprompt": 0,
    "name": "mail",
    "notes": "two\nlines",
    "favorite": True,
    "fields": [
        {"name": "pin", "value": "0042", "type": 1, "linkedId": None},
        {"name": "on", "value": "true", "type": 2, "linkedId": None},
        {"name": "same as user", "value": None, "type": 3, "linkedId": 100},
    ],
    "login": {
        "uris": [{"match": None, "uri": "https://a.example"}, {"match": 1, "uri": "https://b.example"}],
        "username": "bob",
        "password": "third",
        "totp": "JBSWY3DPEHPK3PXP",
        "fido2Credentials": [{"credentialId": "c", "counter": "0"}],
    },
    "collectionIds": None,
    "passwordHistory": [
        {"lastUsedDate": "2022-01-01T00:00:00.000Z", "password": "second"},
        {"lastUsedDate": "2021-01-01T00:00:00.000Z", "password": "first"},
    ],
    "revisionDate": "2022-01-01T00:00:00.000Z",
    "creationDate": "2020-01-01T00:00:00.000Z",
    "deletedDate": None,
}
NOTE = {"type": 2, "name": "wifi", "notes": "  exact \n", "secureNote": {"type": 0}}
CARD = {"type": 3, "name": "card", "card": {"number": "4111", "code": "123", "brand": None, "expMonth": "4"}}
SSH = {"type": 5, "name": "key", "sshKey": {"privateKey": KEY, "publicKey": "ssh-ed25519 A", "keyFingerprint": "S:1"}}

# -- 1Password

ITEM = {
    "uuid": "u1",
    "favIndex": 1,
    "createdAt": 1577836800,
    "updatedAt": 1640995200,
    "state": "archived",
    "categoryUuid": "001",
    "details": {
        "loginFields": [
            {"value": "bob", "id": "", "name": "user", "fieldType": "T", "designation": "username"},
            {"value": "second", "id": "", "name": "pw", "fieldType": "P", "designation": "password"},
            {"value": "", "id": "", "name": "empty", "fieldType": "T"},
        ],
        "notesPlain": "a note",
        "sections": [
            {
                "title": "Security",
                "name": "s1",
                "fields": [
                    {"title": "one-time password", "id": "t", "value": {"totp": "otpauth://totp/x?secret=AAAA"}},
                    {"title": "pin", "id": "p", "value": {"concealed": "0042"}},
                    {"title": "since", "id": "d", "value": {"date": 1577836800}},
                    {
                        "title": "mail",
                        "id": "m",
                        "value": {"email": {"email_address": "b@x.example", "provider": None}},
                    },
                    {"title": "home", "id": "a", "value": {"address": {"street": "S", "city": "C"}}},
                    {
                        "title": "scan",
                        "id": "f",
                        "value": {"file": {"fileName": "../scan.bin", "documentId": "doc1", "decryptedSize": 3}},
                    },
                ],
            }
        ],
        "passwordHistory": [{"value": "first", "time": 1609459200}],
    },
    "overview": {
        "title": "mail",
        "url": "https://a.example",
        "urls": [{"label": "", "url": "https://a.example"}, {"label": "", "url": "https://b.example"}],
        "tags": ["work"],
    },
}
SSH_ITEM = {
    "uuid": "u2",
    "state": "active",
    "categoryUuid": "114",
    "details": {
        "sections": [
            {
                "title": "",
                "fields": [
                    {
                        "title": "private key",
                        "id": "private_key",
                        "value": {"sshKey": {"privateKey": KEY, "metadata": {"publicKey": "ssh-ed25519 A"}}},
                    }
                ],
            }
        ]
    },
    "overview": {"title": "key"},
}


def one_password(*items: dict[str, Any]) -> dict[str, Any]:
    return {"accounts": [{"attrs": {"name": "Bob"}, "vaults": [{"attrs": {"name": "Private"}, "items": list(items)}]}]}


def archive(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


def one_pux(*items: dict[str, Any]) -> bytes:
    return archive(
        {
            "export.attributes": b'{"version": 3}',
            "export.data": json.dumps(one_password(*items)).encode(),
            "files/doc1__scan.bin": b"\xff\x00\n",
        }
    )


PRINTED = {
    "id": "abcdefghijklmnopqrstuvwxyz",
    "title": "api",
    "version": 3,
    "vault": {"id": "v", "name": "Team"},
    "category": "API_CREDENTIAL",
    "tags": ["ci"],
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2021-01-01T00:00:00Z",
    "urls": [{"primary": True, "href": "https://a.example"}],
    "sections": [{"id": "s", "label": "More"}],
    "fields": [
        {"id": "username", "type": "STRING", "purpose": "USERNAME", "label": "username", "value": "bob"},
        {"id": "credential", "type": "CONCEALED", "label": "credential", "value": "k-1"},
        {
            "id": "x",
            "section": {"id": "s", "label": "More"},
            "type": "OTP",
            "label": "code",
            "value": "AAAA",
            "totp": "1",
        },
        {"id": "y", "section": {"id": "s", "label": "More"}, "type": "STRING", "label": "region", "value": "eu"},
        {"id": "notesPlain", "type": "STRING", "purpose": "NOTES", "label": "notesPlain"},
    ],
}
