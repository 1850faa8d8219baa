"""What happened: the ring buffer behind /audit and the feeds behind /events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
from collections import deque

from tests.doubles.clock import Clock
from tests.doubles.crud.kv2 import timestamp
from tests.doubles.crud.settings import Settings, Shape
from tests.doubles.crud.wire import Json, dumps

KINDS = {"read": "secret.read", "read_metadata": "secret.read", "delete": "secret.deleted"}
"""Names of events by purpose; all others are updates."""
KINDS["destroy_versions"] = "secret.deleted"


class Feed:
    """The bytes of one open stream. `wake` becomes readable when there are some, or when it is over."""

    def __init__(self) -> None:
        self.waiting: deque[bytes | None] = deque()
        self.wake, self._poke = socket.socketpair()

    def put(self, data: bytes | None) -> None:
        """None ends the stream, nothing breaks it off."""
        self.waiting.append(data)
        self._poke.send(b"!")

    def take(self) -> bytes | None:
        """Call it once `wake` is readable."""
        self.wake.recv(1)
        return self.waiting.popleft()

    def close(self) -> None:
        self.wake.close()
        self._poke.close()


class Audit:
    def __init__(self, settings: Settings, shape: Shape, clock: Clock) -> None:
        self.settings = settings
        self.shape = shape
        self.clock = clock
        self.records: deque[dict[str, Json]] = deque()
        """Oldest first."""
        self._count = 0
        self._feeds: list[Feed] = []
        self._changed = threading.Condition()

    def reference(self, uri: str) -> str:
        """`resource_ref`: the keyed hash of a URI, or without a salt the URI."""
        salt = self.settings.tenant_salt
        if salt is None:
            return uri
        return base64.urlsafe_b64encode(hmac.digest(salt, uri.encode("utf-8", "replace"), hashlib.sha256)).decode()

    def record(self, subject: str, purpose: str, uri: str, effect: str, version: int | None = None) -> None:
        """`effect` is Permit, Deny or Error."""
        self._count += 1
        event = "SECRET_ROTATED" if (purpose, effect) == ("rotate", "Permit") else f"SECRET_{effect.upper()}"
        entry = {
            "ts": timestamp(self.clock.now()),
            "event": event,
            "tenant_id": self.settings.tenant,
            "subject": {"sub": subject, "act": None} if self.shape.subjects == "object" else subject,
            "action": "use",
            "purpose": purpose,
            "effect": effect,
            "resource_ref": self.reference(uri),
            "decision_id": f"decision-{self._count:06}",
            "kv_version": version,
        }
        self.records.append(entry)
        while len(self.records) > self.settings.audit_size:
            self.records.popleft()
        kind = KINDS.get(purpose, "secret.updated")
        self.emit(f"id: {self._count}\nevent: {kind}\ndata: ".encode() + dumps(entry) + b"\n\n")

    def emit(self, data: bytes | None) -> None:
        """To all who listen, as `Feed.put` has it."""
        with self._changed:
            for feed in self._feeds:
                feed.put(data)

    def listen(self) -> Feed:
        with self._changed:
            feed = Feed()
            self._feeds.append(feed)
            self._changed.notify_all()
            return feed

    def forget(self, feed: Feed) -> None:
        with self._changed:
            self._feeds.remove(feed)
            feed.close()
            self._changed.notify_all()

    def wait_for_listeners(self, count: int, seconds: float) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._feeds) == count, seconds), f"{len(self._feeds)} listen"
