"""Opening a page in the user's browser, as a favour: whoever asks has shown the address already."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from urllib.parse import urlsplit


def open_page(url: str) -> bool:
    """Whether a program was started that opens it. Only http and https; never a browser inside of this terminal."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isprintable():
        return False
    if sys.platform == "darwin":
        command = shutil.which("open")
    elif os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        command = shutil.which("xdg-open")
    else:
        command = None
    if command is None:
        return False
    ours = ("BAO_", "VAULT_", "KVTUI_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    try:
        subprocess.Popen(
            [command, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
