"""What a `yaml` profile may say, and where it may write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kvtui.backends.contract import Backend
from kvtui.backends.factory import BackendFactory, Setting, StoreState
from kvtui.domain.capability import Capability

if TYPE_CHECKING:
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.credential import Credential

_WRITABLE = frozenset({"dev", "test"})


class YamlFactory(BackendFactory):
    """`environ` is where ENVIRONMENT is looked for, the variable of the service that owns such files."""

    kind: ClassVar[str] = "yaml"
    title: ClassVar[str] = "a YAML file in plain text, for development"
    settings: ClassVar[Sequence[Setting]] = (
        Setting("path", str, "the file", required=True, path=True),
        Setting("environment", str, "writes happen in dev and test only; the variable ENVIRONMENT without it"),
    )

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]  # loads the file's reader only when asked
        from kvtui.backends.yaml.backend import CAPABILITIES  # noqa: PLC0415

        return CAPABILITIES

    def probe(self, settings: Mapping[str, Any]) -> StoreState:  # noqa: ARG002 - opening it tells
        return StoreState.READY

    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,  # noqa: ARG002 - plain text needs none
        conversation: Conversation | None = None,  # noqa: ARG002
    ) -> Backend:
        from kvtui.backends.yaml.backend import YamlBackend  # noqa: PLC0415 - loads the parser

        environment = str(settings.get("environment") or self._environ.get("ENVIRONMENT", ""))
        writes = environment.lower() in _WRITABLE
        backend = YamlBackend(Path(settings["path"]), may_be_missing=writes)
        if writes:
            return backend
        from kvtui.backends.read_only import ReadOnlyBackend  # noqa: PLC0415

        where = f"the environment is {environment}" if environment else "no environment is named"
        return ReadOnlyBackend(backend, f"Such a file is written in dev and test only, and {where}.")
