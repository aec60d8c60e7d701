"""Run tests on stand-ins for a Raspberry Pi (picamera2, arm64, v4l2, pi), on a second systemd (service, deploy, fleet:
five of them) or in a container.

``enter`` runs a command in the picamera2 root. ``system [RELEASE]`` makes an OS image like Raspberry Pi OS, and
``boot IMAGE`` boots one prepared by ``edgevision flash image``.

Exit code: 0 if all tests passed; 1 if a test failed or the target cannot run here (0 for the latter with ALLOW_SKIP=1).
"""

from __future__ import annotations

import argparse
import os
import sys

from .host import CannotRun


def main() -> int:
    """Run a target and return its exit code. A missing requirement is reported in one line."""
    parser = argparse.ArgumentParser(prog="python -m tools.emulation", description=__doc__)
    parser.add_argument(
        "target",
        choices=(
            "picamera2",
            "arm64",
            "v4l2",
            "pi",
            "service",
            "deploy",
            "fleet",
            "container",
            "enter",
            "system",
            "boot",
        ),
    )
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        help="arguments for pytest; for enter: the command (default sh); for boot: the OS image",
    )
    options = parser.parse_args()
    try:
        return _run(options.target, [a for a in options.arguments if a != "--"])
    except CannotRun as error:
        name = options.target if options.target in ("enter", "system", "boot") else f"test-{options.target}"
        allowed = os.environ.get("ALLOW_SKIP") == "1"
        print(f"{name}: NOT RUN: {error}", file=sys.stderr)
        if not allowed:
            print(f"{name}: counted as a failure; set ALLOW_SKIP=1 to skip it", file=sys.stderr)
        return 0 if allowed else 1
    except KeyboardInterrupt:
        return 130


def _run(target: str, arguments: list[str]) -> int:
    if target == "arm64":
        from . import arm64

        return arm64.test(arguments)
    if target == "v4l2":
        from . import v4l2

        return v4l2.test(arguments)
    if target == "pi":
        from . import pi

        return pi.test(arguments)
    if target == "system":
        from . import pi_system

        return pi_system.make(arguments)
    if target == "boot":
        from . import pi_boot

        return pi_boot.boot(arguments)
    if target in ("service", "deploy", "fleet"):
        from . import here

        return here.test(arguments, target)
    if target == "container":
        from . import container

        return container.test(arguments)
    from . import picamera2

    if target == "enter":
        return picamera2.run_inside(picamera2.prepare(), arguments or ["sh"])
    return picamera2.test(arguments)


if __name__ == "__main__":
    sys.exit(main())
