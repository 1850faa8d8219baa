"""The errors for what is not there, in the same words for every store."""

from __future__ import annotations

from kvtui.domain.errors import NotFound


def missing(path: str) -> NotFound:
    return NotFound("No such secret.", hint="See kvtui ls, or search for it.", path=path)


def missing_folder(path: str) -> NotFound:
    return NotFound("No such folder.", hint="See kvtui tree.", path=path)


def missing_version(path: str, version: int) -> NotFound:
    return NotFound(f"No version {version}.", hint="See kvtui versions PATH.", path=path, version=version)
