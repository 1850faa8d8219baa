"""The program's entry: `kvtui` and `python -m kvtui`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress


def main() -> int:
    """Run the program and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        from kvtui import __version__  # noqa: PLC0415

        with suppress(OSError):  # where it cannot be written, the way below says so
            os.write(1, f"kvtui {__version__}\n".encode())
            return 0
    gc.disable()  # what is loaded stays: looking through it again and again is a tenth of the start
    try:
        from kvtui.hardening import harden, install_excepthooks, scrub_environment  # noqa: PLC0415

        harden()
        scrub_environment()
        if sys.stderr is not None:
            install_excepthooks(sys.stderr)
        from kvtui.cli.main import main as run  # noqa: PLC0415

        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        gc.freeze()  # what is left goes with the process: nothing is looked for in it once more


if __name__ == "__main__":
    sys.exit(main())
