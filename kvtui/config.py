"""The configuration file: YAML in, checked and frozen settings out. Nothing secret lives in it.

Every key is checked and an unknown one refused with file, line and the nearest known key. What a profile sets for its
backend stays as read, with the line of each key: `kvtui.services.profiles` knows which settings each kind has.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from kvtui.domain.errors import InvalidInput

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

_SECRET_KEYS = frozenset({"passphrase", "password", "token", "secret", "secret_id", "client_secret", "api_key", "pin"})
_PROFILE_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"


class UiConfig(NamedTuple):
    """How the screen behaves. 0 seconds or minutes turns that off."""

    theme: str = "kvtui-dark"
    reveal_seconds: int = 20
    clipboard_seconds: int = 30
    lock_minutes: int = 5
    mask_on_blur: bool = True
    mouse: bool = True
    editor: tuple[str, ...] = ()
    """The program of `E` with its arguments; empty for `$VISUAL`, `$EDITOR`."""


_UI_BOUNDS = {"reveal_seconds": 3600, "clipboard_seconds": 3600, "lock_minutes": 1440}


class ProfileConfig(NamedTuple):
    """One profile as written: `settings` are all its keys but `backend`, plain data; `lines` where each key is."""

    name: str
    backend: str
    settings: Mapping[str, Any]
    lines: Mapping[str, int]
    line: int


class Config(NamedTuple):
    """`path` is the file it was read from, None without one. `keymap` maps an action's id to its key."""

    default: str | None = None
    profiles: Mapping[str, ProfileConfig] = MappingProxyType({})
    ui: UiConfig = UiConfig()
    keymap: Mapping[str, str] = MappingProxyType({})
    keymap_lines: Mapping[str, int] = MappingProxyType({})
    path: Path | None = None

    def refuse(self, line: int, message: str, hint: str) -> NoReturn:
        """Raise InvalidInput for something at a line of this file."""
        where = f"{self.path}:{line}: " if self.path else ""
        raise InvalidInput(where + message, hint=hint)

    def refuse_key(self, line: int, key: str, known: Collection[str], where: str) -> NoReturn:
        """Raise InvalidInput for a key that is not known, naming the nearest that is."""
        if key.lower() in _SECRET_KEYS:
            sources = [f"{key}_{how}" for how in ("file", "env", "command") if f"{key}_{how}" in known]
            hint = f"Use {' or '.join(sources)}." if sources else "Leave it out: it is asked for."
            self.refuse(line, f"{where} has the key {key}, but no secret belongs in this file.", hint)
        from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

        near = get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known)) or 'none'}."
        self.refuse(line, f"{where} has no key {key}.", hint)


def load(path: Path) -> Config:
    """Read a configuration file; a missing one is the default configuration. Raises InvalidInput for all else."""
    data = _bytes(path)
    if data is None:
        return Config()
    config = Config(path=path)
    root = _Reader(config).parse(data)
    return config if root is None else _config(config, root)


def _bytes(path: Path) -> bytes | None:
    if path == Path(os.devnull):
        return b""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}).", hint="Check its rights.") from error
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InvalidInput(f"{path} is not a regular file.", hint="Name another with --config.")
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > MAX_BYTES:
        raise InvalidInput(f"{path} is larger than {MAX_BYTES} bytes.", hint="Name another with --config.")
    return data


class _At(NamedTuple):
    """A value of the file with its line. Maps hold `_At` again, lists plain data."""

    value: Any
    line: int


class _Reader:
    """YAML to plain data that knows its lines: safe_load's types, no aliases, no key twice."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def parse(self, data: bytes) -> _At | None:
        import yaml  # noqa: PLC0415 - costs start-up time, and most often there is a file without surprises

        loader = None
        try:
            loader = yaml.SafeLoader(data)
            self._refuse_aliases(yaml.parse(data, yaml.SafeLoader))
            node = loader.get_single_node()
            return None if node is None else self._value(node, loader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._config.refuse(_line(mark), f"This is not YAML: {error.problem}.", "Correct it there.")
        except (yaml.YAMLError, ValueError, RecursionError):
            self._config.refuse(1, "This is not YAML in UTF-8.", "Correct it there.")
        finally:
            if loader is not None:
                loader.dispose()

    def _refuse_aliases(self, events: Any) -> None:
        import yaml  # noqa: PLC0415

        depth = 0
        for event in events:
            if isinstance(event, yaml.AliasEvent):
                self._config.refuse(_line(event.start_mark), "Aliases are not read here.", "Write it out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                self._config.refuse(_line(event.start_mark), "This is nested too deeply.", "Make it flatter.")

    def _value(self, node: yaml.Node, loader: yaml.SafeLoader) -> _At:
        import yaml  # noqa: PLC0415

        line = _line(node.start_mark)
        if not isinstance(node, yaml.MappingNode):
            return _At(loader.construct_object(node, deep=True), line)
        found: dict[str, _At] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            at = _line(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode) or not isinstance(key, str):
                self._config.refuse(at, "A key must be a plain name.", "Write it as name: value.")
            if key in found:
                self._config.refuse(at, f"The key {key} is here twice.", "Keep one of them.")
            found[key] = self._value(value_node, loader)._replace(line=at)
        return _At(found, line)


def _line(mark: Any) -> int:
    """The line of a mark; yaml has none for some errors."""
    return 1 if mark is None else int(mark.line) + 1


def _config(config: Config, root: _At) -> Config:
    keys = _map(config, root, "The file")
    known = ("default", "profiles", "ui", "keymap")
    for key, at in keys.items():
        if key not in known:
            config.refuse_key(at.line, key, known, "The file")
    if "profiles" in keys:
        profiles = _map(config, keys["profiles"], "profiles")
        config = config._replace(
            profiles=MappingProxyType({name: _profile(config, name, at) for name, at in profiles.items()})
        )
    if "ui" in keys:
        config = config._replace(ui=_ui(config, _map(config, keys["ui"], "ui")))
    if "keymap" in keys:
        keymap = _map(config, keys["keymap"], "keymap")
        for action, at in keymap.items():
            _text(config, at, f"keymap.{action}")
        config = config._replace(
            keymap=MappingProxyType({action: at.value for action, at in keymap.items()}),
            keymap_lines=MappingProxyType({action: at.line for action, at in keymap.items()}),
        )
    if "default" in keys:
        default = _text(config, keys["default"], "default")
        if default not in config.profiles:
            from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

            near = get_close_matches(default, config.profiles, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Profiles are: {', '.join(config.profiles) or 'none'}."
            config.refuse(keys["default"].line, f"default names {default}, but there is no such profile.", hint)
        config = config._replace(default=default)
    return config


def _profile(config: Config, name: str, at: _At) -> ProfileConfig:
    if not re.fullmatch(_PROFILE_NAME, name):
        config.refuse(at.line, "A profile's name is made of letters, digits and . _ -", "Choose another name.")
    keys = _map(config, at, f"The profile {name}")
    if "backend" not in keys:
        config.refuse(at.line, f"The profile {name} has no backend.", "Add one, such as backend: file.")
    backend = _text(config, keys["backend"], f"profiles.{name}.backend")
    rest = {key: inner for key, inner in keys.items() if key != "backend"}
    return ProfileConfig(
        name=name,
        backend=backend,
        settings=MappingProxyType({key: _plain(inner) for key, inner in rest.items()}),
        lines=MappingProxyType({key: inner.line for key, inner in rest.items()}),
        line=at.line,
    )


def _ui(config: Config, keys: Mapping[str, _At]) -> UiConfig:
    defaults = UiConfig()
    settings: dict[str, Any] = {}
    for key, at in keys.items():
        if key not in UiConfig._fields:
            config.refuse_key(at.line, key, UiConfig._fields, "ui")
        if key == "editor":
            settings[key] = program(config, at.value, at.line, "ui.editor")
        elif isinstance(getattr(defaults, key), bool):
            if not isinstance(at.value, bool):
                config.refuse(at.line, f"ui.{key} must be true or false.", f"The default is {getattr(defaults, key)}.")
            settings[key] = at.value
        elif key in _UI_BOUNDS:
            if type(at.value) is not int or not 0 <= at.value <= _UI_BOUNDS[key]:
                hint = f"The default is {getattr(defaults, key)}; 0 turns it off."
                config.refuse(at.line, f"ui.{key} must be a whole number from 0 to {_UI_BOUNDS[key]}.", hint)
            settings[key] = at.value
        else:
            settings[key] = _text(config, at, f"ui.{key}")
    return defaults._replace(**settings)


def program(config: Config, value: Any, line: int, where: str) -> tuple[str, ...]:
    """A program with its arguments, a list of texts. Raises InvalidInput, also where others could change the file."""
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        config.refuse(
            line, f"{where} must be a list of texts.", "Write it as [program, argument, …]; no shell reads it."
        )
    if config.path is not None:
        _refuse_shared(config.path, where)
    return tuple(value)


def _refuse_shared(path: Path, where: str) -> None:
    """A file that names programs to run must be changed by nobody else."""
    for each in (path, path.resolve().parent):
        status = each.stat()
        sticky_folder = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid not in {0, os.geteuid()} or (status.st_mode & 0o022 and not sticky_folder):
            raise InvalidInput(
                f"{each} can be changed by others, so {where} is not run from it.",
                hint="Remove their rights: chmod go-w.",
            )


def _map(config: Config, at: _At, where: str) -> Mapping[str, _At]:
    if at.value is None:
        return {}
    if not isinstance(at.value, dict):
        config.refuse(at.line, f"{where} must be a map.", "Write it as name: value, one on each line.")
    return at.value


def _text(config: Config, at: _At, where: str) -> str:
    if not isinstance(at.value, str) or not at.value:
        config.refuse(at.line, f"{where} must be a text.", "Put it in quotes.")
    return at.value


def _plain(at: _At) -> Any:
    if isinstance(at.value, dict):
        return {key: _plain(inner) for key, inner in at.value.items()}
    return at.value
