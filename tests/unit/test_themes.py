"""Themes: every shipped one is readable and works; a broken one of the user is named once and skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Button, DataTable, Footer, Header, Input, OptionList, TabbedContent, TabPane, TextArea, Tree

from kvtui.ui import themes
from kvtui.ui.themes import load_theme, load_themes, read_flat, shipped_files

SHIPPED = {theme.name: theme for theme in load_themes(None).themes}
RGB = sorted(name for name, theme in SHIPPED.items() if not theme.ansi)
GROUNDS = ("background", "surface", "panel")
SIGNALS = ("primary", "secondary", "accent", "warning", "error", "success")


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    red, green, blue = (
        channel / 255 / 12.92 if channel / 255 <= 0.04045 else ((channel / 255 + 0.055) / 1.055) ** 2.4
        for channel in color.rgb
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def colors(name: str) -> dict[str, str]:
    return SHIPPED[name].to_color_system().generate()


def drawn(text: str, ground: str) -> tuple[Color, Color]:
    """Both as they reach the screen: `auto` resolved, transparency blended."""
    below = Color.parse(ground)
    if text.startswith("auto"):
        share = float(text.split()[1].rstrip("%")) / 100 if " " in text else 1.0
        return below + below.get_contrast_text(share), below
    return below + Color.parse(text), below


class Gallery(App[None]):
    """The widgets kvtui is made of, under one theme."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        yield Header()
        yield Tree("secrets")
        with TabbedContent(), TabPane("Fields"):
            yield DataTable()
            yield Input("value")
            yield TextArea("lines")
            yield OptionList("one", "two")
            yield Button("Apply", variant="primary")
            yield Button("Destroy", variant="error")
        yield Footer()


def test_shipped_families_are_there() -> None:
    assert set(SHIPPED) >= {
        "kvtui-dark", "kvtui-light", "kvtui-contrast", "kvtui-contrast-light", "ansi-16", "nord", "gruvbox-dark",
        "gruvbox-light", "catppuccin-mocha", "catppuccin-latte", "tokyo-night", "solarized-dark", "solarized-light",
        "dracula", "rose-pine",
    }  # fmt: skip
    assert load_themes(None).problems == []


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_shipped_file_reads_the_same_as_yaml_and_passes_the_checks_of_users_files(path: Path, tmp_path: Path) -> None:
    content = path.read_text("utf-8")
    assert read_flat(content) == yaml.safe_load(content)
    (tmp_path / path.name).write_text(content, "utf-8")
    loaded = load_themes(tmp_path)
    assert loaded.problems == []
    assert {theme.name: theme for theme in loaded.themes} == SHIPPED
    assert SHIPPED[path.stem].name == path.stem


@pytest.mark.parametrize("name", RGB)
def test_text_is_readable_everywhere(name: str) -> None:
    palette, least = colors(name), 7.0 if "contrast" in name else 4.5
    for ground in GROUNDS:
        for text in ("foreground", "text"):
            assert contrast(*drawn(palette[text], palette[ground])) >= least, (text, ground)


@pytest.mark.parametrize("name", RGB)
def test_signal_colors_are_readable_as_text(name: str) -> None:
    palette, least = colors(name), 4.5 if "contrast" in name else 3.0
    for ground in GROUNDS:
        for text in (*SIGNALS, *(f"text-{signal}" for signal in SIGNALS), "footer-key-foreground"):
            assert contrast(*drawn(palette[text], palette[ground])) >= least, (text, ground)


@pytest.mark.parametrize("name", RGB)
def test_text_on_cursor_footer_and_buttons_is_readable(name: str) -> None:
    palette, least = colors(name), 7.0 if "contrast" in name else 4.5
    if name.startswith("solarized"):
        least = 4.0  # its tones lie close together by design
    for text, ground in (
        ("block-cursor-foreground", "block-cursor-background"),
        ("footer-foreground", "footer-background"),
        ("footer-description-foreground", "footer-background"),
        ("input-cursor-foreground", "input-cursor-background"),
        ("button-color-foreground", "primary"),
    ):
        assert contrast(*drawn(palette[text], palette[ground])) >= least, (text, ground)


def test_sixteen_color_theme_uses_the_terminals_colors_only() -> None:
    theme = SHIPPED["ansi-16"]
    assert theme.ansi
    for name in (*SIGNALS, *GROUNDS, "foreground", "boost"):
        assert getattr(theme, name).startswith("ansi_")
    assert all(value.startswith("ansi_") for name, value in theme.variables.items() if "-style" not in name)


async def drive(found: Sequence[Theme]) -> None:
    """One app that takes one after the other: each is worked out and drawn in full."""
    app = Gallery(found[0])
    async with app.run_test(size=(80, 24)) as pilot:
        for theme in found:
            app.register_theme(theme)
            app.theme = theme.name  # a style sheet it breaks raises here
            await pilot.pause()
            assert app.current_theme.name == theme.name


async def test_every_shipped_theme_drives_an_app() -> None:
    await drive([SHIPPED[name] for name in sorted(SHIPPED)])


async def test_every_variable_may_have_every_accepted_kind_of_value() -> None:
    app = Gallery(SHIPPED["kvtui-dark"])
    async with app.run_test(size=(80, 24)) as pilot:
        for number, candidate in enumerate(
            ["auto 50%", "#fff 30%", "transparent", "ansi_red", "initial", "b not u", "none"]
        ):
            accepted = {}
            for name in themes._variables():
                try:
                    themes._check_variable(name, candidate)
                except themes._ThemeError:
                    continue
                accepted[name] = candidate
            app.register_theme(Theme(f"candidate-{number}", "#123456", variables=accepted))
            app.theme = f"candidate-{number}"  # a style sheet it breaks raises here
            await pilot.pause()


@pytest.mark.parametrize("ansi", [False, True])
async def test_accepted_fields_of_any_kind_of_color_work(ansi: bool) -> None:
    made = []
    for number, color in enumerate(("ansi_default", "ansi_bright_red", "#0000", "rgb(1,2,3)", None)):
        data: dict[str, object] = {"name": f"mine-{number}", "primary": "red", "ansi": ansi}
        for name in (*SIGNALS, *GROUNDS, "foreground", "boost"):
            if color is not None and not (color == "#0000" and name in GROUNDS):
                data[name] = color
        made.append(themes._build(data))
    await drive(made)


def write(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content, "utf-8")


def test_user_theme_is_added_and_one_of_a_shipped_name_wins(tmp_path: Path) -> None:
    write(tmp_path, "mine.yaml", 'name: mine\nprimary: "#abcdef"\nluminosity_spread: 0\n')
    write(tmp_path, "other.YML", "{name: nord, primary: red, dark: false}")
    loaded = load_themes(tmp_path)
    by_name = {theme.name: theme for theme in loaded.themes}
    assert loaded.problems == []
    assert by_name["mine"] == load_theme("mine", tmp_path) == Theme("mine", "#abcdef", luminosity_spread=0)
    assert by_name["nord"] == load_theme("nord", tmp_path) == Theme("nord", "red", dark=False)
    assert [theme.name for theme in loaded.themes] == sorted(SHIPPED.keys() | {"mine"})


BROKEN = {
    "not yaml": ("name: [", "It is not YAML"),
    "tab": ("name: x\n\tprimary: y", "line 2"),
    "two documents": ("--- {}\n--- {}", "It is not YAML"),
    "empty": ("", "not a mapping"),
    "list": ("- name", "not a mapping"),
    "no name": ("primary: red", "'name' is missing"),
    "no primary": ("name: x", "'primary' is missing"),
    "unknown field": ("name: x\nprimray: red", "Unknown field 'primray'. Did you mean 'primary'?"),
    "number as field": ("name: x\nprimary: red\n7: 8", "Unknown field '7'. Remove it."),
    "bad color": ("name: x\nprimary: reddish", "'primary' is not a colour: 'reddish'"),
    "unquoted hash": ("name: x\nprimary: #ff0000", "Put colours in quotes"),
    "number as color": ("name: x\nprimary: 112233", "must be a colour in quotes"),
    "text as flag": ("name: x\nprimary: red\ndark: 'yes'", "'dark' must be true or false"),
    "flag as share": ("name: x\nprimary: red\ntext_alpha: true", "number from 0 to 1"),
    "share too big": ("name: x\nprimary: red\ntext_alpha: .inf", "number from 0 to 1"),
    "no share": ("name: x\nprimary: red\ntext_alpha: .nan", "number from 0 to 1"),
    "markup as name": ("name: '[b]x[/b]'\nprimary: red", "The name must be"),
    "number as name": ("name: 5\nprimary: red", "The name must be"),
    "variables as list": ("name: x\nprimary: red\nvariables: [a]", "'variables' must be a mapping"),
    "unknown variable": ("name: x\nprimary: red\nvariables: {boarder: red}", "Did you mean 'border'?"),
    "bad variable": ("name: x\nprimary: red\nvariables: {border: 'red; } * { display: none'}", "'border' cannot be"),
    "auto where it breaks": ("name: x\nprimary: red\nvariables: {border: auto 50%}", "'border' cannot be"),
    "bad style": ("name: x\nprimary: red\nvariables: {link-style: loud}", "not a text style"),
    "glass": ("name: x\nprimary: red\nsurface: '#0008'", "'surface' must not be transparent"),
    "glass variable": ("name: x\nprimary: red\nvariables: {panel: red 50%}", "'panel' is not a colour"),
    "half a style": ("name: x\nprimary: red\nvariables: {link-style: bold not}", "not a text style"),
    "number as variable": ("name: x\nprimary: red\nvariables: {border: 3}", "must be a colour in quotes"),
    "alias": ("name: &n x\nprimary: *n", "Line 1 uses an anchor"),
    "tag": ("name: x\nprimary: !!python/object/apply:os.getcwd []", "Line 2 uses an anchor, alias or tag"),
    "deep": ("[" * 60_000, "nested too deep"),
    "impossible date": ("name: 2024-99-99", "date or number"),
    "huge number": ("name: " + "9" * 9000, "date or number"),
    "control character": ("name: \x1b[31m", "characters that YAML does not allow"),
    "too big": ("#" * (64 * 1024 + 1), "larger than 64 kB"),
}


@pytest.mark.parametrize(("content", "reason"), BROKEN.values(), ids=BROKEN)
def test_broken_theme_is_named_in_one_line_and_skipped(content: str, reason: str, tmp_path: Path) -> None:
    write(tmp_path, "broken.yaml", content)
    write(tmp_path, "fine.yaml", "name: fine\nprimary: red")
    loaded = load_themes(tmp_path)
    (problem,) = loaded.problems
    assert problem.startswith("broken.yaml: ")
    assert reason in problem
    assert problem.isprintable()
    assert {theme.name for theme in loaded.themes} == SHIPPED.keys() | {"fine"}
    assert load_theme("kvtui-dark", tmp_path) == SHIPPED["kvtui-dark"]


def test_alias_bomb_is_refused_without_unfolding_it(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 30))
    write(tmp_path, "bomb.yaml", bomb)
    (problem,) = load_themes(tmp_path).problems
    assert "anchor" in problem


def test_two_files_of_one_name_keep_the_first(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "name: mine\nprimary: red")
    write(tmp_path, "b.yaml", "name: mine\nprimary: blue")
    loaded = load_themes(tmp_path)
    assert loaded.problems == ["b.yaml: 'mine' is already the name of a.yaml. Rename one of them."]
    assert load_theme("mine", tmp_path) == next(theme for theme in loaded.themes if theme.name == "mine")
    assert load_theme("mine", tmp_path) == Theme("mine", "red")


def test_what_is_no_readable_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    assert len(load_themes(tmp_path).problems) == 4
    assert load_theme("x", tmp_path) is None


def test_missing_folder_is_no_problem_and_a_file_in_its_place_is(tmp_path: Path) -> None:
    assert load_themes(tmp_path / "none").problems == []
    write(tmp_path, "themes", "")
    loaded = load_themes(tmp_path / "themes")
    assert len(loaded.problems) == 1
    assert {theme.name for theme in loaded.themes} == SHIPPED.keys()
    assert load_theme("nord", tmp_path / "themes") == SHIPPED["nord"]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=200), st.lists(st.sampled_from("abn:#-[]{}&*!|>'\"\n\t ,?%@`~0"), max_size=60).map("".join)
    )
)
def test_any_content_is_a_theme_or_a_named_problem(content: str) -> None:
    problem = ""
    try:
        themes._build(themes._parse(content))
    except themes._ThemeError as broken:
        problem = str(broken)
    assert problem.isprintable()


def test_flat_reader_refuses_what_it_does_not_know() -> None:
    for line in ("name = x", "name: [", "   deep: 1", "name: 'single'"):
        with pytest.raises(ValueError, match=r".+"):
            read_flat(line)


def test_theme_of_the_first_frame_is_loaded_without_yaml(tmp_path: Path) -> None:
    write(tmp_path, "mine.yaml", "name: mine\nprimary: red")
    code = (
        "import sys; from pathlib import Path; from kvtui.ui.themes import load_theme;"
        f"assert load_theme('kvtui-dark', Path({str(tmp_path)!r})); assert 'yaml' not in sys.modules;"
        f"assert load_theme('mine', Path({str(tmp_path)!r})); assert 'yaml' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_installed_package_is_searched_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "kvtui"
    beside = tmp_path / "site" / "themes"
    (package / "themes").mkdir(parents=True)
    beside.mkdir()
    monkeypatch.setattr(themes.kvtui, "__file__", str(package / "__init__.py"))
    write(beside, "beside.yaml", 'name: "beside"\nprimary: "red"')
    assert [path.stem for path in shipped_files()] == ["beside"]
    write(package / "themes", "inside.yaml", 'name: "inside"\nprimary: "red"')
    assert [path.stem for path in shipped_files()] == ["inside"]
