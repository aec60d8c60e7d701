"""A machine made of files: /sys, /proc and what udev wrote, for the rules about disks."""

from __future__ import annotations

from pathlib import Path

from edgevision.device.flash.disk.block_devices import Machine
from edgevision.device.flash.disk.safety_rules import DriveAssessment, judge_all

GB = 10**9
SWAPS = "Filename Type Size Used Priority\n"


class FakeMachine:
    """A root with /sys and /proc, to which disks are added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "sys/block").mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        self.mounts = ["22 1 0:20 / /proc rw - proc proc rw"]
        self.swaps: list[str] = []
        self.number = 0

    def disk(self, name: str, at: str, size: int = 32 * GB, parts: int = 2, **files: str) -> Path:
        """One below /sys/devices/AT, with partitions and a link from /sys/block."""
        folder = self.root / "sys/devices" / at / "block" / name
        self._fill(folder, size)
        (folder / "removable").write_text(f"{files.pop('removable', '0')}\n")
        (folder / "ro").write_text(f"{files.pop('ro', '0')}\n")
        (folder / "device").mkdir()
        for key, value in files.items():
            (folder / "device" / key).write_text(f"{value}\n")
        for index in range(1, parts + 1):
            part = folder / f"{name}{'p' if name[-1].isdigit() else ''}{index}"
            self._fill(part, size // 4)
            (part / "partition").write_text(f"{index}\n")
        (self.root / "sys/block" / name).symlink_to(folder)
        return folder

    def mount(self, part: Path, at: str) -> None:
        number = (part / "dev").read_text().strip()
        self.mounts.append(f"30 22 {number} / {at} rw,relatime shared:1 - ext4 /dev/{part.name} rw")

    def build_on(self, part: Path, name: str) -> Path:
        """A dm or md device."""
        made = self.disk(name, f"virtual/{name}", parts=0)
        (part / "holders" / name).symlink_to(made)
        return made

    def udev(self, part: Path, **found: str) -> None:
        """What udev would have found on it."""
        folder = self.root / "run/udev/data"
        folder.mkdir(parents=True, exist_ok=True)
        number = (part / "dev").read_text().strip()
        lines = [f"E:{key}={value}\n" for key, value in found.items()]
        (folder / f"b{number}").write_text("S:disk/by-id/x\n" + "".join(lines))

    def told(self) -> Machine:
        """As the kernel would tell of it now."""
        (self.root / "proc/self/mountinfo").write_text("\n".join(self.mounts) + "\n")
        (self.root / "proc/swaps").write_text(SWAPS + "".join(f"{one} partition 1 0 -2\n" for one in self.swaps))
        return Machine(self.root)

    def judge(self) -> dict[str, DriveAssessment]:
        """Every disk by its device."""
        return {one.drive.device: one for one in judge_all(self.told())}

    def _fill(self, folder: Path, size: int) -> None:
        (folder / "holders").mkdir(parents=True)
        self.number += 1
        (folder / "dev").write_text(f"8:{self.number}\n")
        (folder / "size").write_text(f"{size // 512}\n")
