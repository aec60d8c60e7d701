"""The unit file: what the loop may do, what it may use, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

NAME = "edgevision"
UNIT = PurePosixPath("/etc/systemd/system/edgevision.service")
WANTED = PurePosixPath("/etc/systemd/system/multi-user.target.wants/edgevision.service")
CONFIG = PurePosixPath("/etc/edgevision/run.toml")
MODEL = CONFIG.parent / "model.tflite"
STATE = PurePosixPath("/var/lib/edgevision")
PYTHON = PurePosixPath("/opt/edgevision/venv/bin/python")
"""Where an image or a bundle has it."""
GROUPS = ("video", "render", "plugdev", "apex")
"""Who may open cameras, GPUs, a Coral on USB and one on PCIe. systemd refuses to start where one is missing."""
DEVICES = ("char-video4linux", "char-media", "char-dma_heap", "char-drm", "char-usb_device", "char-apex", "/dev/vcio")
"""By class: a Coral on USB comes back under another number when it wakes. vcio tells of a weak power supply."""
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""The service sees nothing below these but what is bound into it."""
STEPS_SINCE = 254
"""systemd that can wait longer after each failure."""


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """What differs from machine to machine."""

    python: PurePosixPath
    config: PurePosixPath = CONFIG
    groups: tuple[str, ...] = ("video",)
    """Those of GROUPS that exist."""
    user: str | None = None
    """None: systemd makes a user of its own for each run."""
    visible: tuple[PurePosixPath, ...] = ()
    """Folders below HIDDEN that Python and edgevision are in."""
    network: bool = False
    """Whether the loop may reach and be reached by other machines."""
    systemd: int = 252
    """Version."""


def unit_text(plan: UnitPlan) -> str:
    """The unit file for a plan."""
    sections = {"Unit": _unit(plan), "Service": _service(plan), "Install": ["WantedBy=multi-user.target"]}
    head = "# Written by edgevision service install; changes belong into: systemctl edit edgevision\n"
    return head + "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def drop_in_text(plan: UnitPlan, more: PurePosixPath) -> str:
    """Makes an installed unit take options from a second file, too, and the network that both together ask for.

    An empty assignment takes back what the unit said (systemd.unit(5), systemd.exec(5), systemd.resource-control(5)).
    """
    network = ["RestrictAddressFamilies=", "IPAddressDeny=", *_network(plan)]
    lines = ["[Service]", "ExecStart=", _exec_start(plan.python, plan.config, more), *network]
    return "# What this device has of its own comes after what the unit says.\n" + "\n".join(lines) + "\n"


def _unit(plan: UnitPlan) -> list[str]:
    # Not after network-online.target: a camera needs no network, and a device may never have one.
    return [
        "Description=edgevision: recognise what a camera sees",
        f"ConditionPathExists={plan.config}",
        "# It never gives up: nobody is there to start it again.",
        "StartLimitIntervalSec=0",
    ]


def _service(plan: UnitPlan) -> list[str]:
    return [
        *_process(plan),
        "",
        *_failure(plan),
        "",
        *_user(plan),
        "",
        *_devices(),
        "",
        *_limits(),
        "",
        *_files(plan),
        "",
        *_kernel(),
        "",
        *_network(plan),
    ]


def _process(plan: UnitPlan) -> list[str]:
    return [
        "Type=notify",
        "NotifyAccess=main",
        _exec_start(plan.python, plan.config),
        "StandardOutput=null",
        "StandardError=journal",
        f"SyslogIdentifier={NAME}",
        "Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1",
        f"StateDirectory={STATE.name}",
        "StateDirectoryMode=0750",
        f"WorkingDirectory={STATE}",
    ]


def _exec_start(python: PurePosixPath, *configs: PurePosixPath) -> str:
    # What a file says of the output is for a terminal: here events go to the journal, and no line a frame.
    files = " ".join(f"--config {quoted(config)}" for config in configs)
    return f"ExecStart={quoted(python)} -m edgevision run {files} --no-json --no-events"


def _failure(plan: UnitPlan) -> list[str]:
    backoff = ["RestartSteps=6", "RestartMaxDelaySec=300"] if plan.systemd >= STEPS_SINCE else []
    return [
        "# READY=1 comes with the first answer, WATCHDOG=1 only after a frame was really recognised.",
        "TimeoutStartSec=120",
        "WatchdogSec=30",
        "TimeoutAbortSec=10",
        "TimeoutStopSec=10",
        "Restart=on-failure",
        "RestartSec=5",
        *backoff,
        "# 2: options that contradict each other do not mend themselves.",
        "RestartPreventExitStatus=2",
    ]


def _user(plan: UnitPlan) -> list[str]:
    who = "DynamicUser=yes" if plan.user is None else f"User={plan.user}"
    return [who, f"SupplementaryGroups={' '.join(plan.groups)}"] if plan.groups else [who]


def _devices() -> list[str]:
    return ["DevicePolicy=closed", *(f"DeviceAllow={device} rw" for device in DEVICES)]


def _limits() -> list[str]:
    return [
        "# Of all memory: a leak ends the loop, and not the machine.",
        "MemoryMax=60%",
        "OOMScoreAdjust=300",
        "TasksMax=128",
        "# A core dump would hold what the camera saw.",
        "LimitCORE=0",
    ]


def _files(plan: UnitPlan) -> list[str]:
    bound = [f"BindReadOnlyPaths={quoted(path)}" for path in plan.visible]
    return ["ProtectSystem=strict", "ProtectHome=tmpfs", "PrivateTmp=yes", *bound, "UMask=0027", "RemoveIPC=yes"]


def _kernel() -> list[str]:
    switches = (
        "NoNewPrivileges ProtectControlGroups ProtectKernelModules ProtectKernelTunables ProtectKernelLogs ProtectClock "
        "ProtectHostname RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality"
    )
    return [
        *(f"{name}=yes" for name in switches.split()),
        "ProtectProc=invisible",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
        "SystemCallErrorNumber=EPERM",
        # Not MemoryDenyWriteExecute: the runtime's kernels may be made at run time. Not PrivateDevices: cameras.
    ]


def _network(plan: UnitPlan) -> list[str]:
    # libcamera hears of cameras by AF_NETLINK.
    if plan.network:
        return ["RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6"]
    return ["RestrictAddressFamilies=AF_UNIX AF_NETLINK", "IPAddressDeny=any"]


def quoted(path: PurePosixPath) -> str:
    """A path as systemd reads it: % is doubled, and quotes stand around what has blanks."""
    text = str(path).replace("%", "%%")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if set(text) & set(" \t\"'\\;") else text


def hidden(path: PurePosixPath, places: Sequence[str] = HIDDEN) -> bool:
    """Whether the service would not see a path without help."""
    return any(path.is_relative_to(place) for place in places)
