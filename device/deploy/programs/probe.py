"""Describe a device as one line of JSON. Reads only."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOME = Path("/opt/edgevision")


def text(path: Path) -> str:
    """Return a small file's text; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[: 2**21]
    except OSError:
        return ""


def parsed(path: Path) -> object:
    """Return a JSON file's value; None if it cannot be read."""
    try:
        return json.loads(text(path))
    except ValueError:
        return None


def output(*command: str, given: str = "") -> str:
    """Return the output of a command; empty if it fails."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def free_mb(path: Path) -> int:
    """Return the free space in MB of the file system that a path is, or would be, on."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free // 10**6


def memory_mb(name: str) -> int | None:
    """Return a value of /proc/meminfo in MB."""
    for line in text(Path("/proc/meminfo")).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 // 10**6
    return None


def properties(unit: str, *names: str) -> dict[str, str]:
    """Return properties of a systemd unit."""
    shown = output("systemctl", "show", "--timestamp=unix", f"--property={','.join(names)}", unit)
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def listed(folder: Path) -> dict[str, int]:
    """Return name -> size of the files in a folder."""
    try:
        return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    except OSError:
        return {}


def system() -> dict[str, object]:
    """Describe hardware and operating system."""
    release = dict(line.split("=", 1) for line in text(Path("/etc/os-release")).splitlines() if "=" in line)
    return {
        "arch": platform.machine(),
        "bits": 64 if sys.maxsize > 2**32 else 32,
        "python": ".".join(map(str, sys.version_info[:2])),
        "system_python": output(
            "/usr/bin/python3", "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"
        ).strip(),
        "os": release.get("PRETTY_NAME", "").strip('"'),
        "libc": " ".join(platform.libc_ver()),
        "board": text(Path("/proc/device-tree/model")).strip("\0\n"),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "memory_mb": memory_mb("MemTotal"),
        "available_mb": memory_mb("MemAvailable"),
        "free_mb": free_mb(HOME),
        "home_free_mb": free_mb(Path.home()),
        "time": time.time(),
        "boot_id": text(Path("/proc/sys/kernel/random/boot_id")).strip(),
        "systemd": Path("/run/systemd/system").is_dir(),
        "user": output("id", "-un").strip(),
        "root": os.geteuid() == 0,
        "venv": bool(output("/usr/bin/python3", "-I", "-c", "import venv; print(1)")),
        "cameras": sorted(path.name for path in Path("/dev").glob("video*"))[:20],
        "csi": bool(output("rpicam-hello", "--list-cameras")) if shutil.which("rpicam-hello") else None,
    }


def loops() -> list[str]:
    """Return the names of the loops that have releases, without the one that has no name."""
    try:
        return sorted(path.name for path in (HOME / "loops").iterdir())
    except OSError:
        return []


def installed(name: object) -> dict[str, object]:
    """Describe the releases and the service of a loop; the names follow installer/base/loop.py."""
    home = HOME if name is None else HOME / "loops" / str(name)
    unit, slug = ("edgevision", "edgevision") if name is None else (f"edgevision@{name}", f"edgevision-{name}")
    service = (
        "ActiveState",
        "SubState",
        "Result",
        "NRestarts",
        "StatusText",
        "MainPID",
        "ActiveEnterTimestamp",
        "FragmentPath",
    )
    update = properties("edgevision-update.service", "ActiveState", "NRestarts", "LoadState")
    updating = update.get("ActiveState") in ("active", "activating")  # it is asked every second then
    return {
        "current": os.path.basename(os.readlink(home / "current")) if (home / "current").is_symlink() else None,
        "state": parsed(home / "state.json"),
        "manifest": parsed(home / "current/manifest.json"),
        "manager": (HOME / "manager.pyz").is_file(),
        "wheels": sorted(listed(HOME / "wheels")),
        "releases": {
            path.name: (path / "installed.json").is_file()
            for path in sorted((HOME / "releases").glob("*"))
            if path.is_dir()
        },
        "keys": sorted(listed(Path("/etc/edgevision/keys"))),
        "newest": text(HOME / "newest").strip(),
        "service": properties(f"{unit}.service", *service),
        "health": None if updating else health(name, slug),
        "temperature_c": temperature_c(),
        "metrics": metrics(name, home),
        "card_options": name is None and Path("/etc/systemd/system/edgevision.service.d/device.conf").is_file(),
        "loops": loops(),
        "update": {
            "status": parsed(HOME / "update/status.json"),
            "outcome": parsed(HOME / "update/outcome.json"),
            "service": update,
        },
    }


def health(name: object, slug: str) -> object:
    """Return health.json; only root can read its folder (systemd.exec(5), DynamicUser=), so that others ask the manager."""
    found = parsed(Path("/run", slug, "health.json"))
    manager = HOME / "manager.pyz"
    if found is not None or os.geteuid() == 0 or not manager.is_file():
        return found
    loop = {} if name is None else {"loop": name}  # an older manager refuses entries that it does not know
    request = json.dumps({"schema": "edgevision.request/1", "verb": "health", **loop})
    try:
        answer = json.loads(output("sudo", "-n", "/usr/bin/python3", "-I", str(manager), "remote", given=request))
    except ValueError:
        return None
    return answer.get("health") if isinstance(answer, dict) else None


def temperature_c() -> float | None:
    """Return the temperature of the processor in degrees Celsius; None if the kernel does not say."""
    raw = text(Path("/sys/class/thermal/thermal_zone0/temp")).strip()
    return int(raw) / 1000 if raw.lstrip("-").isdecimal() else None


def metrics(name: object, home: Path) -> list[str]:
    """Return the specs of the metrics outputs, such as metrics:0.0.0.0:9100; empty if the configuration cannot be read."""
    try:
        import tomllib
    except ImportError:  # Python 3.10 and older, for which there are no bundles
        return []
    own = [Path("/etc/edgevision/run.toml")] if name is None else []
    for path in (*own, home / "current/run.toml"):  # the device's own outputs replace the others
        try:
            outputs = tomllib.loads(text(path)).get("outputs")
        except ValueError:
            continue
        if isinstance(outputs, list):
            specs = [one.get("spec") if isinstance(one, dict) else one for one in outputs]
            return [one for one in specs if isinstance(one, str) and one.startswith("metrics:")]
    return []


def main(argument: dict[str, object]) -> dict[str, object]:
    """Return what was asked for: everything, or only the progress of an update."""
    name = argument.get("loop")
    if argument.get("only") == "installed":
        return installed(name)
    folder = Path.home() / ".cache/edgevision/upload"
    sudo = os.geteuid() == 0 or bool(output("sudo", "-n", "true") or output("sudo", "-n", "-l"))
    return {"system": system(), "installed": installed(name), "uploads": listed(folder), "sudo": sudo}
