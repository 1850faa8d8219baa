"""Themes from YAML files: those shipped with kvtui and those in the user's folder.

A theme file holds the fields of `textual.theme.Theme` and nothing else; `variables` maps names of Textual's theme
variables to colours and text styles. Shipped files keep to one key and one scalar a line, so that `load_theme` can read
the theme of the first frame without importing yaml; a test holds that reader and yaml to the same answer on every
shipped file. Users' files may be any YAML without anchors and aliases.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from textual.color import Color, ColorParseError
from textual.css.constants import VALID_STYLE_FLAGS
from textual.theme import Theme

import kvtui

MAX_BYTES = 64 * 1024
MAX_DEPTH = 8

_FIELDS = tuple(field.name for field in fields(Theme))
_FLAGS = ("dark", "ansi")
_SHARES = ("luminosity_spread", "text_alpha")
_GROUNDS = ("background", "surface", "panel")
_ANSI_GAPS = ("ansi-background", "ansi-foreground", "foreground-disabled", "panel", "surface", "surface-active")
"""Variables Textual leaves out or see-through when `ansi` is set, though its own style sheets and widgets need them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_COLOR_WITH_SHARE = re.compile(r"(?P<color>.+?)(?: +(?P<percent>\d{1,3}(?:\.\d{1,3})?)%)?", re.DOTALL)
_FLAG = f"(?:not )?(?:{'|'.join(sorted(VALID_STYLE_FLAGS - {'none', 'not'}))})"
_TEXT_STYLE = re.compile(f"none|{_FLAG}(?: {_FLAG})*")
_SHIPPED_LINE = re.compile(r"(?P<inner>  )?(?P<key>[a-z0-9_-]+):(?: (?P<value>\S.*))?")


class Loaded(NamedTuple):
    """themes: in order of name, shipped and the user's.

    problems: a line for each file that was skipped. They quote the file, so they are data and go through `show`.
    """

    themes: list[Theme]
    problems: list[str]


class _ThemeError(Exception):
    """What is wrong with a theme file and what to do, in one line."""


def load_themes(user_dir: Path | None) -> Loaded:
    """All themes. A user's theme with the name of a shipped one takes its place.

    Files that cannot be used are skipped with a line in `problems`; this never raises for what stands in a file.
    """
    themes = {theme.name: theme for theme in map(_read_shipped, shipped_files())}
    problems: list[str] = []
    own: dict[str, str] = {}
    try:
        paths = _user_files(user_dir)
    except OSError as error:
        return Loaded(sorted(themes.values(), key=_by_name), [f"themes: {_reason(error)}. Make the folder readable."])
    for path in paths:
        try:
            theme = _read_users(path)
            if theme.name in own:
                raise _ThemeError(f"'{theme.name}' is already the name of {own[theme.name]}. Rename one of them.")
        except _ThemeError as broken:
            problems.append(f"{path.name}: {broken}")
        else:
            own[theme.name] = path.name
            themes[theme.name] = theme
    return Loaded(sorted(themes.values(), key=_by_name), problems)


def load_theme(name: str, user_dir: Path | None = None) -> Theme | None:
    """The theme `load_themes` would give under this name, reading as few files as possible; None if there is none.

    yaml is imported only when a file of the user mentions the name. Problems are left to `load_themes`.
    """
    try:
        paths = _user_files(user_dir)
    except OSError:
        paths = []
    for path in paths:
        try:
            if name in _text(path) and (theme := _read_users(path)).name == name:
                return theme
        except _ThemeError:
            continue  # load_themes reports it
    shipped = next((path for path in shipped_files() if path.stem == name), None)
    return _read_shipped(shipped) if shipped else None


def shipped_files() -> list[Path]:
    """The theme files that come with kvtui, each named after its theme; in the package or, in a checkout, beside it."""
    package = Path(kvtui.__file__).parent
    return sorted((package / "themes").glob("*.yaml")) or sorted((package.parent / "themes").glob("*.yaml"))


def read_flat(text: str) -> dict[str, Any]:
    """The subset of YAML that shipped files keep to: `key: value` lines, one nested mapping deep, quoted strings.

    Raises ValueError for a line outside it.
    """
    data: dict[str, Any] = {}
    into = data
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _SHIPPED_LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not 'key: value'")
        if not match["inner"]:
            into = data
        if match["value"] is None:
            into = data[match["key"]] = {}
        else:
            into[match["key"]] = json.loads(match["value"])
    return data


def _read_shipped(path: Path) -> Theme:
    return Theme(**read_flat(path.read_text("utf-8")))


def _by_name(theme: Theme) -> str:
    return theme.name


def _user_files(user_dir: Path | None) -> list[Path]:
    """The YAML files of the folder in order of name; none if there is no folder. Raises OSError."""
    if user_dir is None:
        return []
    try:
        return sorted(path for path in user_dir.iterdir() if path.suffix.lower() in {".yaml", ".yml"})
    except FileNotFoundError:
        return []


def _text(path: Path) -> str:
    """The text of a user's file. Raises _ThemeError for what is no file, too big, unreadable or not UTF-8."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
            raise _ThemeError("It is not a regular file. Remove it.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _ThemeError(f"It is larger than {MAX_BYTES // 1024} kB. A theme is a few lines; remove it.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _ThemeError(f"{_reason(error)}. Make it readable or remove it.") from None
    except UnicodeDecodeError:
        raise _ThemeError("It is not UTF-8 text. Save it as UTF-8.") from None


def _read_users(path: Path) -> Theme:
    return _build(_parse(_text(path)))


def _parse(text: str) -> object:
    """The content of a YAML document without anchors, aliases and tags, or deep nesting: no theme needs them."""
    import yaml  # noqa: PLC0415  not before the first frame

    mappings = (yaml.BlockMappingStartToken, yaml.FlowMappingStartToken)
    lists = (yaml.BlockSequenceStartToken, yaml.FlowSequenceStartToken)
    ends = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
    depth = 0
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            depth += isinstance(token, mappings + lists) - isinstance(token, ends)
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise _ThemeError(f"Line {line} uses an anchor, alias or tag. Write the plain value.")
            if depth > MAX_DEPTH:
                raise _ThemeError("It is nested too deep. Keep it to 'key: value' lines.")
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise _ThemeError(f"It is not YAML: {_clipped(error.problem)}{where}. Correct it.") from None
    except yaml.YAMLError:
        raise _ThemeError("It holds characters that YAML does not allow. Remove them.") from None
    except ValueError:  # a plain scalar that looks like a date or number but cannot be one
        raise _ThemeError("A date or number in it cannot be. Put values in quotes.") from None


def _build(data: object) -> Theme:
    """A theme from what a file holds; everything Textual would stumble over later is refused here."""
    if not isinstance(data, dict):
        raise _ThemeError("It is not a mapping. Write 'key: value' lines, such as 'name: mine'.")
    for key in data:
        if key not in _FIELDS:
            raise _ThemeError(f"Unknown field {_clipped(key)}. {_instead(key, _FIELDS)}")
    for needed in ("name", "primary"):
        if needed not in data:
            raise _ThemeError(f"The field '{needed}' is missing. Add it.")
    for key, value in data.items():
        _check_field(key, value)
    theme = Theme(**data)
    for name, value in theme.variables.items():
        _check_variable(name, value)
    if theme.ansi:
        theme.variables.update({name: "ansi_default" for name in _ANSI_GAPS if name not in theme.variables})
    return theme


def _check_field(key: str, value: object) -> None:
    if key == "name":
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise _ThemeError("The name must be up to 64 letters, digits, spaces, '.', '_' or '-'. Change it.")
    elif key in _FLAGS:
        if not isinstance(value, bool):
            raise _ThemeError(f"'{key}' must be true or false. Change it.")
    elif key in _SHARES:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise _ThemeError(f"'{key}' must be a number from 0 to 1. Change it.")
    elif key == "variables":
        if not isinstance(value, dict):
            raise _ThemeError("'variables' must be a mapping. Write its lines indented below it.")
    else:
        _check_color(key, value)


def _check_color(key: str, value: object) -> None:
    if value is None:
        raise _ThemeError(f"'{key}' is empty. Put colours in quotes: {key}: \"#d9b573\".")
    if not isinstance(value, str):
        raise _ThemeError(f"'{key}' must be a colour in quotes, such as \"#d9b573\". Change it.")
    if not _is_color(value):
        raise _ThemeError(f"'{key}' is not a colour: {_clipped(value)}. Use #rrggbb or a colour name.")
    if key in _GROUNDS and Color.parse(value).a < 1:
        raise _ThemeError(f"'{key}' must not be transparent. Use #rrggbb or a colour name.")


def _check_variable(name: object, value: object) -> None:
    if name not in _variables():
        raise _ThemeError(f"Unknown variable {_clipped(name)}. {_instead(name, _variables())}")
    if name in _GROUNDS or not isinstance(value, str):
        _check_color(str(name), value)
    elif "-style" in str(name):
        if not _TEXT_STYLE.fullmatch(value):
            raise _ThemeError(f"'{name}' is not a text style: {_clipped(value)}. Use words such as bold or none.")
    elif not _is_variable_color(str(name), value):
        raise _ThemeError(
            f"'{name}' cannot be {_clipped(value)}. Use #rrggbb or a colour name, or with a share: red 30%."
        )


def _is_color(value: str) -> bool:
    try:
        Color.parse(value)
    except ColorParseError:
        return False
    return value == value.strip()  # style sheets are stricter than Color.parse


def _is_variable_color(name: str, value: str) -> bool:
    """A colour, with opacity in percent or not; for text also `auto`: black or white, whatever stands out.

    Anywhere else `auto` would break Textual's own style sheets, and `initial` anywhere but on links.
    """
    match = _COLOR_WITH_SHARE.fullmatch(value)
    if match is None:
        return False
    if match["percent"] is not None and (float(match["percent"]) > 100 or name[-1].isdigit()):
        return False  # Textual computes with shades (`primary-lighten-1`): they must be plain colours
    if match["color"] == "auto":
        return name.startswith("text") or name.endswith("-foreground")
    return _is_color(match["color"]) or (value == "initial" and name == "link-background")


@lru_cache(maxsize=1)
def _variables() -> Mapping[str, str]:
    """Every variable Textual knows, with a default; those of terminal colours differ a little."""
    plain, ansi = Theme("plain", "#000000"), Theme("ansi", "ansi_blue", ansi=True)
    return plain.to_color_system().generate() | ansi.to_color_system().generate()


def _instead(key: object, known: Iterable[str]) -> str:
    near = get_close_matches(str(key)[:64].lower(), known, n=1)
    return f"Did you mean '{near[0]}'?" if near else "Remove it."


def _clipped(value: object) -> str:
    return ascii(str(value)[:80])


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
