"""Where a value really lies. Cloudflare keeps it as a variable named after the path, with `/` as `_`: not one to one.

A row too many is harmless, a variable is not: the worker stores the value first, and only then finds that the name is
taken. To delete one it puts the name into an address as it is. Sources: core/vault-api/backend/handlers/secrets.js of
the worker; the URL standard for what becomes of an address.
"""

from __future__ import annotations

from kvtui.domain.errors import InvalidPath

_CHANGED = "#?%\\"
"""What does not arrive in an address as it is: `a#b` and `a?b` would delete the value of `a`, `a%41` that of `aA`."""


def cf_key(path: str) -> str:
    """The variable of a path: `a/b_c` and `a_b/c` have the same."""
    return "SECRET_" + path.replace("/", "_")


def strays(path: str) -> bool:
    """Whether deleting it would hit something else."""
    return any(ch in path for ch in _CHANGED) or path.endswith(" ")


def refuse_strays(path: str, doing: str) -> None:
    """Raises InvalidPath; `doing` is such as "deleted"."""
    if strays(path):
        raise InvalidPath(
            "The worker puts a name into an address as it is when it deletes: with #, ?, % or \\ in it, or a space at "
            f"its end, the value of another secret would be hit. So it is not {doing}.",
            hint="Choose another name." if doing == "created" else "Give it a value that is worth nothing.",
            path=path,
        )
