"""Entry point of install.pyz and of ``python -m edgevision.device.installer``; a signal is one line from here on."""

import sys

from .base import interrupt


def main(argv: list[str] | None = None) -> int:
    """Return the exit code of the installer."""
    interrupt.switch_on()
    from .main import main as run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
