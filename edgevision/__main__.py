"""Entry point of the ``edgevision`` command and of ``python -m edgevision``."""

import os


def main() -> None:
    """Run one command and exit with its status; from here on, Ctrl-C is one line, also while modules are imported."""
    try:
        from .cli import interrupt

        interrupt.switch_on()
    except KeyboardInterrupt:
        os.write(2, b"edgevision: error: interrupted\n")
        os._exit(130)
    from .cli.main import main as run

    run()


if __name__ == "__main__":
    main()
