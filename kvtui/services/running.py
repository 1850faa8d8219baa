"""The environment of a program that is run with secrets: what is asked for, under which names, and what is refused.

Three sources, the later wins over the earlier and all of them over what was inherited: a path prefix, a file of
variables, single names. Within one source a name stands once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.hardening import added_variables, child_environment
from kvtui.services.journal import Act
from kvtui.services.left_out import LeftOut
from kvtui.services.references import Resolver, Wanted, find, parse_at
from kvtui.services.transfer import dotenv
from kvtui.services.transfer.listed import listed
from kvtui.services.transfer.window import Window

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.services.profiles import Profiles
    from kvtui.services.session import Session

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_LOADED = re.compile(
    # The dynamic linker and the C library: glibc's unsecvars.h, and what sudo's env_delete has for other systems.
    r"LD_.*|DYLD_.*|_RLD.*|LDR_.*|LIBPATH|SHLIB_PATH|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN"
    r"|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH|PATH_LOCALE|RESOLV_HOST_CONF|RES_OPTIONS|TZDIR|TERMCAP|TERMINFO.*|TERMPATH"
    # Where programs are found, and what shells run or split by.
    r"|PATH|CDPATH|FPATH|ZDOTDIR|IFS|ENV|BASH_.*|BASHOPTS|SHELLOPTS|GLOBIGNORE|PS[0-4]|PROMPT_COMMAND|NULLCMD"
    r"|READNULLCMD|SHELL|HOME|TMPDIR"
    # What interpreters load or run at their start.
    r"|PYTHON.*|PERL.*|RUBY.*|BUNDLE_GEMFILE|GEM_HOME|GEM_PATH|NODE_OPTIONS|NODE_PATH|NODE_EXTRA_CA_CERTS"
    r"|NPM_CONFIG_.*|npm_config_.*"
    r"|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|MAVEN_OPTS|GRADLE_OPTS|PHPRC|PHP_INI_SCAN_DIR"
    r"|LUA_INIT.*|LUA_C?PATH.*|GUILE_.*|R_PROFILE.*|R_ENVIRON.*|TCLLIBPATH|DOTNET_STARTUP_HOOKS|CORECLR_.*|COR_PROFILER.*"
    r"|ERL_.*FLAGS|ELIXIR_ERL_OPTIONS|JULIA_LOAD_PATH|GOFLAGS|RUSTC_WRAPPER|MAKEFLAGS"
    # Programs that other programs start, and libraries that load modules.
    r"|GIT_.*|SSH_ASKPASS.*|SUDO_ASKPASS|EDITOR|VISUAL|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|OPENSSL_.*"
    r"|SSLKEYLOGFILE|GTK_MODULES|GIO_EXTRA_MODULES|QT_PLUGIN_PATH|KRB5_CONFIG"
)
"""Names through which a value becomes code, or is sent elsewhere, before the program has looked at it."""

_OURS = re.compile(r"KVTUI_(?!PASSPHRASE).*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A variable and the text it is made of, in which references stand."""

    name: str
    pieces: Sequence[str | Wanted]


def from_option(name: str, wanted: Wanted) -> Asked:
    return Asked(name, (wanted,))


def from_file(data: bytes, what: str) -> list[Asked]:
    """The variables of a .env file, whose values may be references or have some in them. `what` is the file's name.

    Raises InvalidInput with the line or the variable, never a value."""
    try:
        rows = list(dotenv.assignments(Window(BytesIO(data))))
    except InvalidInput as error:
        raise InvalidInput(f"{what}: {error.message}", hint="Write each line as NAME=value.") from None
    return [Asked(name, list(_pieces(value, f"{what}, {name}"))) for name, value in rows]


def _pieces(text: str, where: str) -> Iterator[str | Wanted]:
    at = 0
    for mention in find(text):
        yield text[at : mention.start]
        yield parse_at(mention.text, where)
        at = mention.end
    yield text[at:]


class Environment:
    """What the program gets beside what it inherits. Values are bytes, as the system has them."""

    def __init__(self, *, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)
        self.values: dict[str, bytes] = {}
        self.secrets: dict[str, bytes] = {}
        """By variable: the values that came from stores, for masking. A variable may be made of several."""

    def check(self, names: Iterable[str]) -> None:
        """Raises InvalidInput naming all that may not be: twice in one source, no variable's name, or dangerous."""
        seen: set[str] = set()
        wrong: list[str] = []
        dangerous: list[str] = []
        for name in names:
            if name in seen:
                raise InvalidInput(f"The variable {_shown(name)} is asked for twice.", hint="Keep one of the two.")
            seen.add(name)
            if not _NAME.fullmatch(name):
                wrong.append(_shown(name))
            elif is_dangerous(name) and name not in self._allowed:
                dangerous.append(name)
        if wrong:
            raise InvalidInput(
                f"No variable can be called {', '.join(wrong)}.", hint="Use letters, digits and _, no digit in front."
            )
        if dangerous:
            raise InvalidInput(
                f"Programs run or load what is in {', '.join(dangerous)}.",
                hint=f"Choose another name, or allow it with --allow-env {dangerous[0]}.",
            )

    def resolve(self, asked: Sequence[Asked], resolver: Resolver) -> None:
        """Add variables. Raises as `Resolver.resolve` does, InvalidInput for a NUL."""
        wanted = [piece for one in asked for piece in one.pieces if isinstance(piece, Wanted)]
        found = iter(resolver.resolve(wanted))
        for one in asked:
            parts = [
                self._secret(f"{one.name} {number}", next(found))
                if isinstance(piece, Wanted)
                else piece.encode("utf-8", "surrogateescape")
                for number, piece in enumerate(one.pieces)
            ]
            self._put(one.name, b"".join(parts))

    def add_below(self, session: Session, folder: str) -> None:
        """A variable for each field of each secret at and below a path, named as an export to dotenv names them.

        Raises NotFound where none is, InvalidInput where two have one name, PermissionDenied or Unavailable where not
        all can be listed or read."""
        backend = session.backend
        paths = _paths(backend, folder)
        found: dict[str, SecretValue] = {}
        read: list[str] = []
        for path, one in zip(paths, backend.read_many(paths), strict=True):
            if one.error is not None:
                one.error.message = f"{one.error.message} Nothing was started."
                one.error.path = path
                raise one.error
            secret = one.secret
            if secret is None or secret.version.state is not VersionState.LIVE:
                continue
            names = dotenv.variables(dotenv.relative_to(path, folder, secret.fields), secret.fields)
            for field, value in secret.fields.items():
                if names[field] in found:
                    hint = "Name them with --env, or rename one."
                    raise InvalidInput(f"Two values would be the variable {names[field]}.", hint=hint, path=path)
                found[names[field]] = value
            read.append(path)
        if not found:
            raise NotFound("There is no secret with a value.", hint="List the folder with kvtui ls -r.", path=folder)
        self.check(found)
        session.journal.record_many(Act.REVEAL, read)
        for name, value in found.items():
            self._put(name, self._secret(name, value))

    def _secret(self, key: str, value: SecretValue) -> bytes:
        data = to_bytes(value)
        self.secrets[key] = data
        return data

    def _put(self, name: str, data: bytes) -> None:
        if b"\0" in data:
            raise InvalidInput(f"The value for {name} holds a NUL, which no variable can.", hint="Use inject instead.")
        self.values[name] = data

    def whole(self, profiles: Profiles) -> dict[bytes, bytes]:
        """All of the program's environment: ours without what opens our stores, and the values asked for."""
        ours = own_variables(profiles) | added_variables()
        inherited = {
            os.fsencode(name): os.fsencode(value) for name, value in child_environment().items() if name not in ours
        }
        return inherited | {name.encode("ascii"): value for name, value in self.values.items()}


def _paths(backend: Backend, folder: str) -> list[str]:
    found = listed(backend, folder, partial=True)
    left_out = LeftOut()
    for place in found.left_out:
        left_out(place)
    if left_out:
        raise left_out.refusal("Nothing was started. Name what is needed with --env.")
    return list(found.all())


def is_dangerous(name: str) -> bool:
    """Whether a variable of this name makes programs load, run or trust what is in it."""
    return bool(_LOADED.fullmatch(name) or _OURS.fullmatch(name))


def own_variables(profiles: Profiles) -> frozenset[str]:
    """The variables that profiles say hold their tokens and passwords (`token_env` and the like)."""
    everyone = [profiles.current, *map(profiles.get, profiles.names)]
    return frozenset(name for profile in everyone for name in _named(profile.settings))


def _named(settings: Mapping[str, Any]) -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _named(value)
        elif key.endswith("_env") and isinstance(value, str):
            yield value


def _shown(name: str) -> str:
    return repr(name[:40]) if name else "nothing"
