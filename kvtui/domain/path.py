"""Paths: `segment/segment/name`, as plain strings in one canonical form.

`""` is the root folder. A path has no empty segment, no `.` or `..`, no leading or trailing slash. A *new* path also
has no control, bidirectional or invisible character (security: such names look like others). Old names of that kind,
met in a store, are read and shown escaped. Paths sort by code point.
"""

from __future__ import annotations

import re
import unicodedata

from kvtui.domain.characters import unsafe, visible_name
from kvtui.domain.errors import InvalidPath

MAX_BYTES = 4096
"""Length of a whole path in UTF-8, as POSIX has it."""
MAX_SEGMENT_BYTES = 512

_PLAIN = re.compile(r"[!-.0-9:-~]+(?:[/ ][!-.0-9:-~]+)*")


def check(path: str) -> str:
    """A path of something that may exist, as it is. Raises InvalidPath when no path can look like this."""
    if not path:
        raise InvalidPath("The path is empty.", hint="Name a secret, such as app/db/password.", path=path)
    return _check_form(path)


def check_folder(path: str) -> str:
    """Like check, but the root is a folder and one trailing slash is forgiven. Returns the canonical form."""
    folder = path.removesuffix("/")
    return _check_form(folder) if folder else ""


def check_new(path: str) -> str:
    """A path for something new, as it is. Raises InvalidPath naming the characters that may not be in it."""
    check(path)
    if _PLAIN.fullmatch(path):
        return path
    if bad := sorted({ch for ch in path if unsafe(ch)}):
        names = ", ".join(f"U+{ord(ch):04X}" for ch in bad[:5])
        raise InvalidPath(
            f"A new path may not hold control, bidirectional or invisible characters ({names}).",
            hint="Type the name again without them.",
            path=path,
        )
    if unicodedata.normalize("NFC", path) != path:
        raise InvalidPath(
            "A new path must be in Unicode normal form C, so that equal names are equal.",
            hint="Use the composed letters.",
            path=path,
        )
    return path


def _check_form(path: str) -> str:
    segments = path.split("/")
    if "" in segments:
        raise InvalidPath(
            "A path has no empty segment and no slash at its start or end.", hint="Write it as app/db.", path=path
        )
    if "." in segments or ".." in segments:
        raise InvalidPath("A path has no segment . or .. in it.", hint="Write the whole path.", path=path)
    if len(path) <= MAX_SEGMENT_BYTES and path.isascii():
        return path
    # Lone surrogates count three bytes each, as in WTF-8; only new paths refuse them.
    if len(path.encode("utf-8", "surrogatepass")) > MAX_BYTES or any(
        len(segment.encode("utf-8", "surrogatepass")) > MAX_SEGMENT_BYTES for segment in segments
    ):
        raise InvalidPath(
            f"A path has at most {MAX_BYTES} bytes and each segment at most {MAX_SEGMENT_BYTES}.",
            hint="Use a shorter name.",
            path=path[:200],
        )
    return path


def parent(path: str) -> str:
    """The folder a path is in; the root's is the root."""
    return path.rpartition("/")[0]


def name(path: str) -> str:
    """The last segment."""
    return path.rpartition("/")[2]


def join(folder: str, rest: str) -> str:
    return f"{folder}/{rest}" if folder else rest


def ancestors(path: str) -> list[str]:
    """The folders above a path from the outermost, without the root: `a/b/c` has `a` and `a/b`."""
    segments = path.split("/")[:-1]
    return ["/".join(segments[: count + 1]) for count in range(len(segments))]


def is_under(path: str, folder: str) -> bool:
    """Whether a path lies anywhere below a folder; everything lies below the root."""
    return not folder or path.startswith(folder + "/")


def relative(path: str, folder: str) -> str:
    """A path as seen from a folder it lies under."""
    return path[len(folder) + 1 :] if folder else path


def display(path: str) -> str:
    """A path for an error message: unsafe characters named, nothing else changed."""
    return "".join(visible_name(ch) if unsafe(ch) else ch for ch in path)
