"""A process that writes to a vault and tells each write after it was acknowledged. Run by the crash tests.

writer.py VAULT STATE NAME append      one new version of NAME/log after another, each with the next number
writer.py VAULT STATE NAME count N     adds one to the shared counter N times, starting over on a conflict
"""

from __future__ import annotations

import sys
from pathlib import Path

from kvtui.backends.contract import Backend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Conflict
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue


def append(backend: Backend, name: str) -> None:
    number = 0
    while True:
        number += 1
        text = str(number)
        patch = MetadataPatch(description=f"{name} {text}", tags=(text,))
        backend.write(f"{name}/log", {"value": SecretValue(text * 50)}, metadata=patch)
        backend.write(f"{name}/each/{number}", {"value": SecretValue(text)})
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def count(backend: Backend, times: int) -> None:
    for _ in range(times):
        while True:
            secret = backend.read("counter")
            value = secret.fields["value"].reveal() + 1
            try:
                backend.write("counter", {"value": SecretValue(value)}, expected=secret.current)
            except Conflict:
                continue
            break


def main() -> None:
    vault, state, name, task, *rest = sys.argv[1:]
    factory = FileFactory(lambda: Path(state))
    with factory.open({"path": vault}, Credential(SecretValue("correct horse"))) as backend:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if task == "append":
            append(backend, name)
        else:
            count(backend, int(rest[0]))


if __name__ == "__main__":
    main()
