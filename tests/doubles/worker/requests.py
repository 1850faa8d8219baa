"""Bare requests to the double, for its tests."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.doubles.bare import Got, send
from tests.doubles.worker.double import WorkerDouble


def call(
    worker: WorkerDouble,
    method: str,
    target: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Got:
    sent = None if body is None else json.dumps(body)
    return send(worker, method, target, sent, worker.credentials.headers if headers is None else headers)
