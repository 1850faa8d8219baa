"""The program's entry: `kvtui` and `python -m kvtui`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        from kvtui import __version__  # noqa: PLC0415

        print(f"kvtui {__version__}")
        return 0
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


if __name__ == "__main__":
    sys.exit(main())
