"""Profiles: named connections, made from the configuration, the environment or the command line."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kvtui import locations
from kvtui.backends import registry
from kvtui.backends.factory import BackendFactory, Setting
from kvtui.config import Config, ProfileConfig, program
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, Unavailable

DEFAULT_NAME = "personal"

_COLOURS = frozenset({"red", "yellow", "green", "blue", "magenta", "cyan", "white", "black"})
_COMMON = (
    Setting("read_only", bool, "refuse every change"),
    Setting("colour", str, f"one of {', '.join(sorted(_COLOURS))}"),
    Setting("banner", str, "text always shown, such as PRODUCTION"),
    Setting("after_rotate", list, "program run after a rotation, the new value on its input"),
    Setting("remember", bool, "keep names of paths between runs"),
    Setting("remember_names", str, "the profile of a vault that seals what find everywhere read, for the next run"),
    Setting("refresh_names_minutes", int, "read these names again in the background, this often; 0 for never"),
)
_KINDS_OF_VALUE = {str: "a text", int: "a whole number", bool: "true or false", list: "a list of texts", dict: "a map"}
_MAX_NUMBER = 1_000_000_000


class Profile(NamedTuple):
    """A named connection. `settings` are the backend's own, checked; none of them holds a secret."""

    name: str
    kind: str
    settings: Mapping[str, Any] = MappingProxyType({})
    read_only: bool = False
    rescue: bool = False
    """Look into what cannot be opened; nothing is written."""
    colour: str | None = None
    banner: str | None = None
    after_rotate: tuple[str, ...] = ()
    remember: bool = True
    remember_names: str = ""
    """The profile of the vault by whose key names are kept between runs; "" to keep none."""
    refresh_names_minutes: int = 0
    """How often names are read again while nobody asks; 0 for never."""

    @property
    def label(self) -> str:
        """What to call it on the screen: its name, or the folder of a vault that was named directly."""
        path = self.settings.get("path")
        return self.name or (Path(path).name if path else self.kind)

    @property
    def factory(self) -> BackendFactory:
        """Raises InvalidInput for an unknown kind, Unavailable for a broken one."""
        return registry.factory(self.kind)

    def offers(self, capability: Capability) -> bool:
        """Whether a store of this kind can do this at best; what it can do here is known when it is open."""
        return capability in self.factory.capabilities


def vault_profile(directory: Path, *, name: str = "", read_only: bool = False) -> Profile:
    """A profile for a vault named directly (`--vault DIR`, `KVTUI_VAULT`)."""
    return Profile(name=name, kind="file", settings=MappingProxyType({"path": directory}), read_only=read_only)


def rescued(profile: Profile) -> Profile:
    """The same, to look into what cannot be opened."""
    return profile._replace(rescue=True, read_only=True, banner=profile.banner or "RESCUE: nothing is written")


def inside_of(profile: Profile, name: str) -> Profile:
    """A profile for a store inside of another one, such as a namespace. Raises Unsupported."""
    settings = MappingProxyType({**profile.factory.inner(profile.settings, name)})
    return profile._replace(name=f"{profile.name}/{name.strip('/')}", settings=settings)


class Profiles:
    """All profiles of this run, and which of them is current. A vault named directly is current and has no name."""

    def __init__(self, profiles: Mapping[str, Profile], current: Profile) -> None:
        self._profiles = dict(profiles)
        self.current = current

    @property
    def names(self) -> list[str]:
        """In the order of the configuration."""
        return list(self._profiles)

    @property
    def keep_names(self) -> set[str]:
        """Those whose keys seal names that others keep."""
        return {profile.remember_names for profile in self._profiles.values()} - {""}

    def get(self, name: str) -> Profile:
        """The profile of a name; "" is the current one. Raises InvalidInput when there is none."""
        if not name:
            return self.current
        if name not in self._profiles and (inner := self._inner(name)) is not None:
            return inner
        if name not in self._profiles:
            from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

            near = get_close_matches(name, self._profiles, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Profiles are: {', '.join(self._profiles) or 'none'}."
            raise InvalidInput(f"There is no profile {name}.", hint=hint)
        return self._profiles[name]

    def _inner(self, name: str) -> Profile | None:
        """`staging/team-a`: the namespace team-a of the profile staging. Raises Unsupported."""
        outer, slash, inside = name.partition("/")
        if not slash or not inside or outer not in self._profiles:
            return None
        return inside_of(self._profiles[outer], inside)

    def _has_inner(self, name: str) -> bool:
        return name in self._profiles and self._profiles[name].offers(Capability.NAMESPACES)

    def parse_address(self, text: str) -> tuple[Profile | None, str]:
        """`PROFILE:path` as profile and path; None where it names no profile, as a path may hold a colon itself."""
        name, colon, path = text.partition(":")
        if colon and name in self._profiles:
            return self._profiles[name], path
        if colon and "/" in name and self._has_inner(name.partition("/")[0]):
            return self.get(name), path
        return None, text


def load(
    config: Config,
    *,
    environ: Mapping[str, str],
    vault: Path | None = None,
    name: str | None = None,
    read_only: bool = False,
    rescue: bool = False,
) -> Profiles:
    """The profiles of a configuration. What is current: `vault`, `name`, KVTUI_VAULT, KVTUI_PROFILE, the
    configuration's default, its only profile; without any configured, a vault in the data folder.

    `read_only` and `rescue` make all of them so. Raises InvalidInput for unknown or wrong settings and names.
    """
    if vault is not None and name is not None:
        raise InvalidInput("A profile and a vault were both named.", hint="Give only one of --profile and --vault.")
    if config.profiles:
        profiles = {each.name: _profile(config, each) for each in config.profiles.values()}
        _check_names_are_kept(config, profiles)
    else:
        profiles = {DEFAULT_NAME: vault_profile(locations.default_vault(), name=DEFAULT_NAME)}
    for kind, found_there in registry.ambient(environ).items():
        profiles.setdefault(kind, Profile(kind, kind, MappingProxyType({**found_there})))
    if read_only:
        profiles = {key: profile._replace(read_only=True) for key, profile in profiles.items()}
    if rescue:
        profiles = {key: rescued(profile) for key, profile in profiles.items()}
    if vault is None and name is None and environ.get("KVTUI_VAULT"):
        vault = Path(environ["KVTUI_VAULT"])
    if vault is not None:
        direct = vault_profile(vault.expanduser().absolute(), read_only=read_only)
        return Profiles(profiles, rescued(direct) if rescue else direct)
    wanted = name or environ.get("KVTUI_PROFILE") or config.default
    if not wanted and len(profiles) > 1 and DEFAULT_NAME not in profiles:
        raise InvalidInput(
            "No profile was named and the configuration has no default.",
            hint=f"Use --profile with one of: {', '.join(profiles)}.",
        )
    first = DEFAULT_NAME if DEFAULT_NAME in profiles else next(iter(profiles))
    found = Profiles(profiles, profiles[first])
    found.current = found.get(wanted or first)
    return found


def _profile(config: Config, written: ProfileConfig) -> Profile:
    settings = _settings_of(config, written)
    known = {setting.name: setting for setting in (*_COMMON, *settings)}
    values: dict[str, Any] = {}
    for key, value in written.settings.items():
        line = written.lines[key]
        if key not in known:
            config.refuse_key(line, key, known, f"The profile {written.name} ({written.backend})")
        values[key] = _value(config, written, known[key], value, line)
    for setting in settings:
        if setting.required and setting.name not in values:
            hint = f"Add {setting.name}: {setting.help}."
            config.refuse(written.line, f"The profile {written.name} has no {setting.name}.", hint)
    common = {setting.name: values.pop(setting.name) for setting in _COMMON if setting.name in values}
    with suppress(Unavailable):  # a broken backend: opening it tells
        try:
            registry.factory(written.backend).check(values)
        except InvalidInput as error:
            config.refuse(written.line, f"The profile {written.name}: {error.message}", error.hint)
    return Profile(written.name, written.backend, MappingProxyType(values), **common)


def _check_names_are_kept(config: Config, profiles: Mapping[str, Profile]) -> None:
    """Raise InvalidInput where a profile keeps names by something that is no vault of this machine."""
    for profile in profiles.values():
        if not profile.remember_names:
            continue
        line = config.profiles[profile.name].lines["remember_names"]
        where = f"profiles.{profile.name}.remember_names"
        vault = profiles.get(profile.remember_names)
        if vault is None:
            from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

            near = get_close_matches(profile.remember_names, profiles, n=1)
            hint = f"Did you mean {near[0]}?" if near else "Name the profile of a vault."
            config.refuse(line, f"{where} names {profile.remember_names}, but there is no such profile.", hint)
        with suppress(Unavailable):  # a broken backend: opening it tells
            if profile.offers(Capability.KEY_SLOTS):
                config.refuse(line, f"{where}: a vault has its names in itself.", "Leave it out.")
            if not vault.offers(Capability.KEY_SLOTS):
                hint = "Only a vault of this machine has a key to seal names with."
                config.refuse(line, f"{where} names {vault.name}, which is a {vault.kind} store.", hint)


def _settings_of(config: Config, written: ProfileConfig) -> tuple[Setting, ...]:
    try:
        return tuple(registry.factory(written.backend).settings)
    except InvalidInput as error:
        from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

        near = get_close_matches(written.backend, registry.kinds(), n=1)
        hint = f"Did you mean {near[0]}?" if near else error.hint
        config.refuse(written.line, f"The profile {written.name}: {error.message}", hint)
    except Unavailable:
        # A broken backend of one profile is no reason not to use another; opening this one tells.
        common = {setting.name for setting in _COMMON}
        return tuple(Setting(key, type(value), "") for key, value in written.settings.items() if key not in common)


def _value(config: Config, written: ProfileConfig, setting: Setting, value: Any, line: int) -> Any:
    where = f"profiles.{written.name}.{setting.name}"
    if setting.name == "after_rotate":
        return program(config, value, line, where)
    if type(value) is not setting.type:
        config.refuse(line, f"{where} must be {_KINDS_OF_VALUE[setting.type]}.", _help(setting))
    if isinstance(value, dict):  # a map of the kind's own: its `check` knows the keys
        for key in [key for key in value if key.endswith("_command")]:
            program(config, value[key], line, f"{where}.{key}")
    if isinstance(value, int) and not 0 <= value <= _MAX_NUMBER:
        config.refuse(line, f"{where} must be from 0 to {_MAX_NUMBER}.", _help(setting))
    if setting.type is str and not value:
        config.refuse(line, f"{where} is empty.", _help(setting))
    if setting.name == "colour" and value not in _COLOURS:
        config.refuse(line, f"{where} is no colour known here.", _help(setting))
    if setting.path and isinstance(value, str):
        base = config.path.parent if config.path else Path()
        return (base / Path(value).expanduser()).absolute()
    return value


def _help(setting: Setting) -> str:
    return f"{setting.name}: {setting.help}." if setting.help else "Correct it."
