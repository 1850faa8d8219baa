"""Example data for `kvtui demo`: a small company's secrets, every one of them made up, the same each time.

Values are derived from the names by a hash and begin with `demo-` where a real one would have its issuer's prefix, so
no scanner takes them for real. Dates count back from the given time: whenever that is, some are due or expired.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from kvtui.backends.contract import Backend
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, SecretType, parse_duration
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.demo_keys import certificate, ssh_key

Content: TypeAlias = "Callable[[str, datetime], Mapping[str, Json | bytes]]"
"""Makes the fields of one version from a seed, different for each, and the time of the demo."""

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED


@dataclass(frozen=True, slots=True)
class _Example:
    """One secret. `ages`: how many days ago each version was made; `gone`: the states of versions that are not live."""

    path: str
    type: SecretType
    content: Content
    ages: tuple[float, ...]
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    rotation: str = ""
    custom: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    gone: Mapping[int, VersionState] = field(default_factory=lambda: MappingProxyType({}))


def fill(backend: Backend, now: datetime) -> None:
    """Write the example secrets, with versions up to an hour before `now` (aware). The store needs HISTORY.

    Raises AlreadyExists where one of them is there, Unsupported.
    """
    for example in examples():
        backend.write_history(_history(example, now))


def _history(example: _Example, now: datetime) -> History:
    versions = []
    for number, age in enumerate(example.ages, start=1):
        state = example.gone.get(number, LIVE)
        made = now - timedelta(days=age)
        deleted = None if state is LIVE else now - timedelta(days=age / 2)
        author = example.owner or "ada"
        version = Version(number, state, made, author, deleted, author if deleted else None)
        content = example.content(f"{example.path}#{number}", now)
        fields = None if state is DESTROYED else {name: SecretValue(value) for name, value in content.items()}
        versions.append(StoredVersion(version, fields))
    first, last = versions[0].version, versions[-1].version
    metadata = Metadata(
        type=example.type,
        description=example.description,
        tags=example.tags,
        owner=example.owner or None,
        created_by=first.created_by,
        created_at=first.created_at,
        updated_at=last.deleted_at or last.created_at,
        rotation=parse_duration(example.rotation) if example.rotation else None,
        custom=example.custom,
    )
    return History(example.path, metadata, tuple(versions))


# -- contents


def _bytes(seed: str, size: int = 32) -> bytes:
    return hashlib.shake_256(f"kvtui demo {seed}".encode()).digest(size)


def _code(seed: str, length: int = 24) -> str:
    return b32encode(_bytes(seed, length)).decode("ascii").lower()[:length]


def _token(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
    return {"value": f"demo-{_code(seed)}"}


def _key_pair(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
    return {
        "access_key": f"demo-{_code(seed + 'id', 12)}",
        "secret_key": f"demo-{_code(seed, 36)}",
        "region": "eu-central-1",
    }


def _login(user: str, url: str) -> Content:
    return lambda seed, _now: {"username": user, "password": f"demo-{_code(seed, 18)}", "url": url}


def _database(host: str, user: str) -> Content:
    return lambda seed, _now: {
        "host": f"{host}.db.example.com",
        "port": 5432,
        "database": host,
        "username": user,
        "password": f"demo-{_code(seed)}",
        "tls": True,
    }


def _totp(user: str) -> Content:
    def make(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
        secret = b32encode(_bytes(seed, 20)).decode("ascii")
        return {"value": f"otpauth://totp/Example:{user}?secret={secret}&issuer=Example"}

    return make


def _ssh(comment: str) -> Content:
    def make(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
        private, public = ssh_key(_bytes(seed), comment)
        return {"private_key": private, "public_key": public}

    return make


def _certificate(host: str, days: float, lifetime: float = 90) -> Content:
    """A certificate with so many days left, fewer than none if it expired."""

    def make(seed: str, now: datetime) -> Mapping[str, Json | bytes]:
        end = now + timedelta(days=days)
        pem, key = certificate(_bytes(seed), host, end - timedelta(days=lifetime), end)
        return {"certificate": pem, "private_key": key}

    return make


def _text(text: str) -> Content:
    return lambda _seed, _now: {"value": text}


def _json(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
    return {
        "value": {
            "dark_checkout": True,
            "sample_rate": 0.25,
            "regions": ["eu", "us"],
            "signing": {"algorithm": "HS256", "key": f"demo-{_code(seed)}"},
        }
    }


def _raw(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
    return {"value": b"\xff" + _bytes(seed, 31)}


def _kubeconfig(seed: str, _now: datetime) -> Mapping[str, Json | bytes]:
    lines = [
        "apiVersion: v1",
        "kind: Config",
        "clusters:",
        "- name: example",
        "  cluster: {server: https://k8s.example.com:6443}",
        "users:",
        "- name: deploy",
        f"  user: {{token: demo-{_code(seed)}}}",
        "",
    ]
    return {"value": "\n".join(lines)}


_RUNBOOK = """\
1. Open the safe in room 2.17; two people sign.
2. Boot the offline laptop, insert card A, then card B.
3. Unseal, wait for the leader, re-seal when done.

Nobody in reach? Call the number on the back of card A.
"""


# -- the tree


def examples() -> Iterator[_Example]:
    """All example secrets, a folder at a time."""
    yield from _apps()
    yield from _infra()
    yield from _integrations()
    yield from _people()


def _apps() -> Iterator[_Example]:
    for app, owner in (("billing", "grace"), ("mobile", "alan"), ("search", "barbara"), ("shop", "ada")):
        for stage, ages in (("prod", (200, 70, 9)), ("staging", (130,))):
            base, tags = f"apps/{app}/{stage}", (app, stage)
            yield _Example(
                f"{base}/database", SecretType.PASSWORD, _database(app, f"{app}_app"), ages,
                f"PostgreSQL of {app}", owner, tags, "90d",
            )  # fmt: skip
            yield _Example(f"{base}/session-key", SecretType.SECRET, _token, ages[:2], "Signs cookies", owner, tags)
        yield _Example(
            f"apps/{app}/prod/smtp", SecretType.PASSWORD, _login(f"{app}@example.com", "smtps://mail.example.com"),
            (320,), "Outgoing mail", owner, (app, "prod", "mail"),
        )  # fmt: skip
    yield _Example(
        "apps/shop/prod/feature-flags", SecretType.SECRET, _json, (60, 31, 3), "Flags and their signing key", "ada",
        ("shop", "prod"),
    )  # fmt: skip
    yield _Example(
        "apps/shop/prod/payment-webhook", SecretType.TOKEN, _token, (150, 100, 40, 1), "Checks incoming webhooks",
        "ada", ("shop", "prod", "payments"), "60d", gone=MappingProxyType({1: DESTROYED, 2: DELETED}),
    )  # fmt: skip
    yield _Example(
        "apps/website/staging/old-cms-token", SecretType.TOKEN, _token, (500, 300), "The CMS we left", "alan",
        gone=MappingProxyType({2: DELETED}),
    )  # fmt: skip
    yield _Example("apps/website/prod/preview-link", SecretType.TOKEN, _token, (20,), "", "alan", ("website",))


def _infra() -> Iterator[_Example]:
    for stage, name, age in (
        ("prod", "backup", 110), ("prod", "deploy", 12), ("prod", "terraform", 88), ("staging", "deploy", 45),
    ):  # fmt: skip
        yield _Example(
            f"infra/cloud/{stage}/{name}", SecretType.API_KEY, _key_pair, (age + 90, age), f"Used by {name}", "barbara",
            ("cloud", stage), "90d", MappingProxyType({"account": f"example-{stage}"}),
        )  # fmt: skip
    for base, user, age in (("analytics", "readonly", 400), ("orders", "admin", 95), ("orders", "readonly", 50)):
        yield _Example(
            f"infra/postgres/{base}/{user}", SecretType.PASSWORD, _database(base, user), (age,),
            f"{user.capitalize()} access to {base}", "grace", ("database", "prod"), "90d",
        )  # fmt: skip
    for host, left, note in (
        ("api.example.com", 12, "Renewed by hand until the proxy moves"),
        ("legacy.example.com", -6, "Expired: nobody should use it"),
        ("shop.example.com", 61, "Renewed by the load balancer"),
    ):
        yield _Example(
            f"infra/tls/{host}", SecretType.CERTIFICATE, _certificate(host, left), (90 - left,), note, "barbara",
            ("tls", "prod"),
        )  # fmt: skip
    for name, age in (("bastion", 700), ("deploy-bot", 33), ("git-mirror", 210)):
        yield _Example(
            f"infra/ssh/{name}", SecretType.SSH_KEY, _ssh(f"{name}@example.com"), (age,), f"Key of {name}", "barbara",
            ("ssh",), "180d",
        )  # fmt: skip
    yield _Example(
        "infra/kubernetes/prod/kubeconfig", SecretType.SECRET, _kubeconfig, (75, 15), "For the deploy job", "barbara",
        ("kubernetes", "prod"), "30d",
    )  # fmt: skip
    yield _Example("infra/kubernetes/staging/kubeconfig", SecretType.SECRET, _kubeconfig, (75,), "", "barbara")
    yield _Example(
        "infra/backup/encryption-key", SecretType.SECRET, _raw, (365,), "32 bytes; losing them loses the backups",
        "grace", ("backup", "critical"),
    )  # fmt: skip
    yield _Example("infra/dns/registrar", SecretType.PASSWORD, _login("hostmaster", "https://dns.example.com"), (260,))
    yield _Example("infra/dns/zone-updates", SecretType.API_KEY, _token, (86,), "Writes the zone", "alan", (), "90d")
    yield _Example("infra/monitoring/ingest", SecretType.API_KEY, _token, (5,), "", "alan", ("monitoring",), "30d")
    yield _Example("infra/runbooks/unseal", SecretType.NOTE, _text(_RUNBOOK), (90, 4), "When all is dark", "grace")


def _integrations() -> Iterator[_Example]:
    for name, what, kind, age, rotation in (
        ("calendar", "Meeting rooms", SecretType.API_KEY, 17, "180d"),
        ("chat", "Posts deployments", SecretType.TOKEN, 140, ""),
        ("code-hosting", "Mirrors repositories", SecretType.TOKEN, 85, "90d"),
        ("crash-reports", "Uploads symbols", SecretType.TOKEN, 300, ""),
        ("invoices", "Sends invoices", SecretType.API_KEY, 62, "60d"),
        ("maps", "Draws store finders", SecretType.API_KEY, 190, "365d"),
        ("newsletter", "Adds subscribers", SecretType.API_KEY, 28, "30d"),
        ("parcel-tracking", "Reads parcel states", SecretType.API_KEY, 3, "90d"),
        ("payments", "Charges cards", SecretType.API_KEY, 21, "30d"),
        ("sms", "Sends codes", SecretType.TOKEN, 170, "180d"),
        ("translations", "Fetches texts", SecretType.TOKEN, 44, ""),
    ):
        yield _Example(
            f"integrations/{name}/live", kind, _token, (age + 40, age), what, "ada", ("external", name), rotation
        )
    for name in ("payments", "sms"):
        yield _Example(f"integrations/{name}/sandbox", SecretType.API_KEY, _token, (250,), "Moves no money", "ada")


def _people() -> Iterator[_Example]:
    for person, age in (("ada", 30), ("alan", 410), ("barbara", 77), ("grace", 150)):
        yield _Example(
            f"users/{person}/email", SecretType.PASSWORD, _login(f"{person}@example.com", "https://mail.example.com"),
            (age,), "", person,
        )  # fmt: skip
        yield _Example(f"users/{person}/mfa", SecretType.TOTP, _totp(f"{person}@example.com"), (age,), "", person)
    yield _Example("users/ada/laptop", SecretType.PASSWORD, _token, (30,), "Disk of the laptop", "ada")
    yield _Example("users/zoë/spare 🔑", SecretType.NOTE, _text("In the drawer, under the kettle.\n"), (2,), "", "zoë")
    yield _Example("wifi/guests", SecretType.PASSWORD, _token, (14, 7, 0.1), "Changes every week", "alan", (), "7d")
    yield _Example("wifi/office", SecretType.PASSWORD, _token, (366,), "Printed at the door", "alan", (), "365d")
