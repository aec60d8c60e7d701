"""The unit file: permissions, resource limits and restart behavior of the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from ..installer.base.loop import UNNAMED, VARIABLE, Loop
from .access import Access
from .places import UNNAMED_PLACES, Places
from .unit_values import argument, bound_path, credential_path, program, user
from .unit_values import quoted as quoted

UNIT, CONFIG, MODEL = UNNAMED_PLACES.unit, UNNAMED_PLACES.config, UNNAMED_PLACES.model
SECOND_MODEL, STATE = UNNAMED_PLACES.second_model, UNNAMED_PLACES.state
"""Those of the loop without a name."""
PYTHON = PurePosixPath("/opt/edgevision/venv/bin/python")
"""Python of an installed bundle."""
MANAGER_PYTHON = "/usr/bin/python3"
"""Python of the system: the manager works even if a release's own libraries do not."""
GROUPS = ("video", "render", "plugdev", "apex")
"""Groups that may open cameras, GPUs, and Edge TPUs on USB and PCIe; outputs may need more.

systemd does not start a unit that names a missing one."""
DEVICES = ("char-video4linux", "char-media", "char-dma_heap", "char-drm", "char-usb_device", "char-apex", "/dev/vcio")
"""Devices by class, because a USB Edge TPU changes its number when it wakes; /dev/vcio reports a weak power supply."""
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""Folders hidden from the service, except for paths bound into it."""
STEPS_SINCE = 254
"""First systemd version that can increase the delay after each failure (RestartSteps)."""


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """The parts of the unit that depend on the machine."""

    python: PurePosixPath
    config: PurePosixPath = CONFIG
    groups: tuple[str, ...] = ("video",)
    """The existing groups among GROUPS; those of ``access`` come on top."""
    user: str | None = None
    """User name; None: a dynamic user made by systemd for each run."""
    visible: tuple[PurePosixPath, ...] = ()
    """Folders of Python and edgevision that are below HIDDEN."""
    access: Access = field(default_factory=Access)
    """What the outputs need."""
    systemd: int = 252
    """Version of systemd."""
    secret: bool = False
    """Whether only root can read the configuration, since it holds a camera's password; systemd then hands it to the service."""
    manager: PurePosixPath | None = None
    """Manager of a device's releases, which counts failed starts; None: the service is not part of a release."""
    loop: Loop = UNNAMED
    """Loop that the unit runs."""


def unit_text(plan: UnitPlan) -> str:
    """Return the text of the unit file."""
    sections = {"Unit": _unit(plan), "Service": _service(plan), "Install": ["WantedBy=multi-user.target"]}
    head = f"# Written by edgevision service install; to change it, run: systemctl edit {plan.loop.service}\n"
    return head + "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def drop_in_text(plan: UnitPlan, more: PurePosixPath, more_secret: bool = False) -> str:
    """Return a drop-in that adds a second configuration file and the network access that both files need.

    ``more_secret``: whether only root can read that file.

    An empty assignment resets the unit's value (systemd.unit(5), systemd.exec(5), systemd.resource-control(5)).
    """
    network = ["RestrictAddressFamilies=", "IPAddressDeny=", "IPAddressAllow=", *_network(plan)]
    configs = [_Config(plan.config, plan.secret, "run.toml"), _Config(more, more_secret, "device.toml")]
    more_groups = [f"SupplementaryGroups={' '.join(plan.access.groups)}"] if plan.access.groups else []
    lines = [
        "[Service]",
        *_credentials(*configs),
        *_handed_over(plan),
        "ExecStart=",
        _exec_start(plan.python, *configs),
        *more_groups,
        *_more_devices(plan),
        *network,
    ]
    return "# Settings of this device, applied after those of the unit.\n" + "\n".join(lines) + "\n"


def _unit(plan: UnitPlan) -> list[str]:
    # Not After=network-online.target: a camera needs no network, and a device may never have one.
    return [
        f"Description={plan.loop.service}: recognize what a camera sees",
        "# No limit on restarts, and no condition on the files: a skipped start is not repeated, and nobody is there to do it.",
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
        *_devices(plan),
        "",
        *_limits(plan.loop),
        "",
        *_files(plan),
        "",
        *_kernel(),
        "",
        *_network(plan),
    ]


class _Config(NamedTuple):
    """A configuration file of the loop."""

    path: PurePosixPath
    secret: bool
    credential: str
    """Name under which systemd hands a secret one to the service (systemd.exec(5), CREDENTIALS)."""

    @property
    def argument(self) -> str:
        return f"${{CREDENTIALS_DIRECTORY}}/{self.credential}" if self.secret else argument(self.path)


def _process(plan: UnitPlan) -> list[str]:
    config = _Config(plan.config, plan.secret, "run.toml")
    return [
        "Type=notify",
        "NotifyAccess=main",
        *_credentials(config),
        *_handed_over(plan),
        *_managed(plan),
        _exec_start(plan.python, config),
        "StandardOutput=null",
        "StandardError=journal",
        f"SyslogIdentifier={plan.loop.slug}",
        "# PYTHONSAFEPATH: nothing is imported from the working directory, which the service can write to.",
        "Environment=PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 PYTHONNOUSERSITE=1",
        *_loop_name(plan.loop),
        f"StateDirectory={plan.loop.slug}",
        "StateDirectoryMode=0750",
        f"WorkingDirectory={Places(plan.loop).state}",
        "# health.json, which a deployment measures the new release by.",
        f"RuntimeDirectory={plan.loop.slug}",
    ]


def _loop_name(loop: Loop) -> list[str]:
    """Return the line that names the loop to its own program, which looks up its release."""
    return [] if loop.name is None else [f"Environment={VARIABLE}={loop.name}"]


def _managed(plan: UnitPlan) -> list[str]:
    """Return the calls that count failed starts, as root, and take a release back that does not start.

    ``-``: the loop starts even if they fail. ``+``: they are not subject to the limits of the service (systemd.service(5)).
    """
    if plan.manager is None:
        return []
    call = f"-+{MANAGER_PYTHON} -I {argument(plan.manager)}"
    name = "" if plan.loop.name is None else f" {plan.loop.name}"
    return [
        f"ExecStartPre={call} before-start{name}",
        f"ExecStartPost={call} ready{name}",
        f"ExecStopPost={call} ended{name}",
    ]


def _credentials(*configs: _Config) -> list[str]:
    """Return the lines that load secret configurations: root reads them, and only this service gets a copy, in memory."""
    return [f"LoadCredential={one.credential}:{credential_path(one.path)}" for one in configs if one.secret]


def _handed_over(plan: UnitPlan) -> list[str]:
    """Return the lines that hand over files of outputs. A missing one must not end in an error of systemd: ours names it."""
    lines = []
    for name, path in plan.access.credentials:
        lines += [f"LoadCredential={name}:{credential_path(path)}", f"SetCredential={name}:\\n"]
    # systemd looks for these in /etc/credstore, among other places, and goes on without those that are missing.
    lines += [f"LoadCredential={name}:{plan.loop.slug}.{name}" for name in plan.access.optional_credentials]
    return lines


def _exec_start(python: PurePosixPath, *configs: _Config) -> str:
    # Output options in a file are for a terminal: here events go to the journal, without a line per frame.
    files = " ".join(f"--config {config.argument}" for config in configs)
    return f"ExecStart={program(python, '--python')} -m edgevision run {files} --no-json --no-events"


def _failure(plan: UnitPlan) -> list[str]:
    backoff = ["RestartSteps=6", "RestartMaxDelaySec=300"] if plan.systemd >= STEPS_SINCE else []
    return [
        "# READY=1 is sent with the first prediction, WATCHDOG=1 only after a frame was actually processed.",
        "TimeoutStartSec=120",
        "WatchdogSec=30",
        "TimeoutAbortSec=10",
        "TimeoutStopSec=10",
        "Restart=on-failure",
        "RestartSec=5",
        *backoff,
        "# Stopped by systemd before the loop ran; then it is 0.",
        "SuccessExitStatus=143",
        "# 2: a usage error does not go away by itself.",
        "RestartPreventExitStatus=2",
    ]


def _user(plan: UnitPlan) -> list[str]:
    who = ["DynamicUser=yes"] if plan.user is None else [f"User={user(plan.user, '--user')}"]
    if plan.user is None and plan.loop.name is not None:  # systemd gives all instances one user unless it is named
        who.append(f"User={plan.loop.slug}")
    groups = dict.fromkeys([*plan.groups, *plan.access.groups])
    return [*who, f"SupplementaryGroups={' '.join(groups)}"] if groups else who


def _devices(plan: UnitPlan) -> list[str]:
    return ["DevicePolicy=closed", *(f"DeviceAllow={device} rw" for device in DEVICES), *_more_devices(plan)]


def _more_devices(plan: UnitPlan) -> list[str]:
    return [f"DeviceAllow={quoted(PurePosixPath(device))} rw" for device in plan.access.devices]


def _limits(loop: Loop) -> list[str]:
    return [
        *_share(loop),
        "# Share of all memory: a leak ends the loop and not the machine.",
        "MemoryMax=60%",
        "OOMScoreAdjust=300",
        "TasksMax=128",
        "# A core dump would contain camera images.",
        "LimitCORE=0",
    ]


def _share(loop: Loop) -> list[str]:
    """Return the lines that give all loops the same share of the processor."""
    if loop.name is None:
        return []
    return [
        "# Beside edgevision.service, not in a slice of all instances, which would have one share together.",
        "Slice=system.slice",
        "# 100 is that of a unit without the setting. Give a loop more: systemctl edit.",
        "CPUWeight=100",
    ]


def _files(plan: UnitPlan) -> list[str]:
    bound = [f"BindReadOnlyPaths={bound_path(path, '--python')}" for path in plan.visible]
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
        # Not MemoryDenyWriteExecute: the runtime may generate code. Not PrivateDevices: it would hide the cameras.
    ]


def _network(plan: UnitPlan) -> list[str]:
    # libcamera detects cameras through AF_NETLINK.
    if plan.access.network:
        return ["RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6"]
    if plan.access.loopback:
        families = "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6"
        return [families, "IPAddressDeny=any", "IPAddressAllow=localhost"]
    return ["RestrictAddressFamilies=AF_UNIX AF_NETLINK", "IPAddressDeny=any"]


def hidden(path: PurePosixPath, places: Sequence[str] = HIDDEN) -> bool:
    """Return whether a path is hidden from the service."""
    return any(path.is_relative_to(place) for place in places)
