"""The programs that hold a clipboard, and how each is written, read and cleared. Values go over stdin, never argv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from kvtui.clipboard.clear import TOOL_SECONDS
from kvtui.hardening import child_environment

PACKAGES = "wl-clipboard (Wayland), xclip or xsel (X11)"
TMUX_BUFFER = "kvtui"


@dataclass(frozen=True, slots=True)
class Target:
    """One selection of a tool; the keys of a target in `kvtui.clipboard.clear`."""

    read: list[str] | None
    clear: list[tuple[list[str], str]]
    newest: list[str] | None = None
    name: str = ""
    forget: tuple[list[str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "clear": self.clear,
            "newest": self.newest,
            "name": self.name,
            "forget": list(self.forget),
        }


@dataclass(frozen=True, slots=True)
class Tool:
    """A way to copy: `copy` takes the value on stdin; the first target is the one it writes to."""

    name: str
    copy: list[str]
    targets: list[Target]
    utf16: bool = False  # clip.exe takes UTF-8 for the console's code page; UTF-16LE is what it reads right


def find(environ: dict[str, str]) -> list[Tool]:
    """The tools on PATH, best first: those of the running display, then those that need none, then the rest."""
    wayland = [_wl_copy(environ)]
    x11 = [_xclip(), _xsel()]
    with_display = (wayland if environ.get("WAYLAND_DISPLAY") else []) + (x11 if environ.get("DISPLAY") else [])
    others = [tool for tool in wayland + x11 if tool not in with_display]
    tmux = [_tmux()] if environ.get("TMUX") else []
    return [tool for tool in [*with_display, _pbcopy(), _clip_exe(), *others, *tmux] if tool is not None]


def _wl_copy(environ: dict[str, str]) -> Tool | None:
    wl_copy = shutil.which("wl-copy")
    if wl_copy is None:
        return None
    # --sensitive keeps the value out of clipboard histories; older releases refuse the option.
    sensitive = ["--sensitive"] if _offers(wl_copy, "--sensitive", environ) else []
    wl_paste = shutil.which("wl-paste")
    copy = [wl_copy, "--type", "text/plain", *sensitive]
    clear = [([wl_copy, "--clear"], "")]
    if wl_paste is None:
        return Tool("wl-copy", copy, [Target(None, clear)])
    primary = Target([wl_paste, "--primary", "--no-newline"], [([wl_copy, "--primary", "--clear"], "")])
    return Tool("wl-copy", copy, [Target([wl_paste, "--no-newline"], clear), primary])


def _xclip() -> Tool | None:
    xclip = shutil.which("xclip")
    if xclip is None:
        return None

    def target(selection: str) -> Target:
        return Target([xclip, "-selection", selection, "-out"], [([xclip, "-selection", selection, "-in"], "")])

    return Tool("xclip", [xclip, "-selection", "clipboard", "-in"], [target("clipboard"), target("primary")])


def _xsel() -> Tool | None:
    xsel = shutil.which("xsel")
    if xsel is None:
        return None

    def target(selection: str) -> Target:
        return Target([xsel, selection, "--output"], [([xsel, selection, "--clear"], "")])

    return Tool("xsel", [xsel, "--clipboard", "--input"], [target("--clipboard"), target("--primary")])


def _pbcopy() -> Tool | None:
    pbcopy = shutil.which("pbcopy")
    if pbcopy is None:
        return None
    pbpaste = shutil.which("pbpaste")
    return Tool("pbcopy", [pbcopy], [Target([pbpaste] if pbpaste else None, [([pbcopy], "")])])


def _clip_exe() -> Tool | None:
    clip = shutil.which("clip.exe")
    if clip is None:
        return None
    powershell = shutil.which("powershell.exe")
    script = "[Console]::OutputEncoding=[Text.Encoding]::UTF8;[Console]::Out.Write((Get-Clipboard -Raw))"
    read = [powershell, "-NoProfile", "-NonInteractive", "-Command", script] if powershell else None
    return Tool("clip.exe", [clip], [Target(read, [([clip], "")])], utf16=True)


def _tmux() -> Tool | None:
    tmux = shutil.which("tmux")
    if tmux is None:
        return None
    # An empty load-buffer keeps the old text, here and in the terminal around: hence one space, then delete.
    load = [tmux, "load-buffer", "-w", "-b", TMUX_BUFFER, "-"]
    return Tool(
        "tmux",
        load,
        [
            Target(
                [tmux, "save-buffer", "-b", TMUX_BUFFER, "-"],
                [(load, " ")],
                newest=[tmux, "list-buffers", "-F", "#{buffer_name}"],
                name=TMUX_BUFFER,
                forget=([tmux, "delete-buffer", "-b", TMUX_BUFFER],),
            )
        ],
    )


def _offers(program: str, option: str, environ: dict[str, str]) -> bool:
    try:
        done = subprocess.run(
            [program, "--help"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TOOL_SECONDS,
            check=False,
            env=environ,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return option.encode() in done.stdout


def environment() -> dict[str, str]:
    """The environment the tools and the clearing helper get: ours without its secrets."""
    environ = child_environment()
    if sys.platform == "darwin":
        environ.setdefault("LC_CTYPE", "UTF-8")  # without it pbcopy takes stdin for MacRoman
    return environ
