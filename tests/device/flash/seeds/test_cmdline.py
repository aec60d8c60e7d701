"""Tests of the kernel arguments: ours are added once, all others are kept, and unsuitable lines are rejected."""

from __future__ import annotations

import re

import pytest
from edgevision.device.flash.seeds.cmdline import MAX_BYTES, arm, disarm, is_armed
from edgevision.device.installer.boot.firstrun_script import TOKENS
from hypothesis import given
from hypothesis import strategies as st

from edgevision.errors import BadInput

BOOKWORM = (
    "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet "
    "init=/usr/lib/raspberrypi-sys-mods/firstboot"
)
TRIXIE = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait resize"
OURS = (
    " systemd.run=/boot/firmware/edgevision/firstrun.sh systemd.run_success_action=reboot "
    "systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target"
)
WORDS = st.from_regex(r'[a-z][a-z0-9_.]{0,8}(=([!#-~]{1,12}|"[ -!#-~]{0,12}"))?', fullmatch=True).filter(
    lambda token: not token.startswith(("systemd.run", "systemd.unit", "cfg80211.", "--"))
)
LINES = st.lists(WORDS, min_size=1, max_size=12).flatmap(
    lambda tokens: st.lists(st.sampled_from([" ", "  ", "\t"]), min_size=len(tokens), max_size=len(tokens)).map(
        lambda gaps: "".join(gap + token for gap, token in zip(["", *gaps], tokens, strict=False))
    )
)


@pytest.mark.parametrize("line", [BOOKWORM, TRIXIE])
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n", "\n\n"])
def test_arm_appends_our_arguments(line: str, end: str) -> None:
    assert arm(line + end) == line + OURS
    assert arm(line + end, "DE") == line + " cfg80211.ieee80211_regdom=DE" + OURS
    assert disarm(arm(line + end)) == line


def test_scripts_of_the_os_still_find_their_arguments() -> None:
    """As in RPi-Distro/raspberrypi-sys-mods, initramfs-tools/scripts."""
    assert re.search(" resize", arm(TRIXIE, "DE"))
    assert re.sub(r" init=/usr/lib/raspberrypi-sys-mods/firstboot", "", arm(BOOKWORM)).count("init=") == 0
    assert not re.search(r"systemd\.run=/boot/firstrun\.sh", arm(BOOKWORM)), (
        "the OS's initramfs would change our script"
    )
    assert re.sub("4e639091", "12345678", arm(TRIXIE)).count("12345678") == 1


@given(LINES, st.sampled_from([None, "DE", "US"]), st.sampled_from([None, "DE", "GB"]))
def test_arm_keeps_other_arguments_unchanged(line: str, first: str | None, second: str | None) -> None:
    armed = arm(line, first)
    assert is_armed(armed) and not is_armed(line)
    assert armed.startswith(line)
    assert arm(armed, first) == armed
    again = arm(armed, second)
    assert "\n" not in again
    assert again.count("systemd.run=") == 1
    assert again.count("regdom=") == (1 if first or second else 0)
    assert (f"regdom={second or first} " in again) == bool(first or second)
    assert disarm(arm(line)) == line
    assert not is_armed(disarm(again))


def test_arm_replaces_or_keeps_an_existing_country() -> None:
    line = f"cfg80211.ieee80211_regdom=GB {TRIXIE}"
    assert arm(line).count("regdom=GB") == 1
    assert arm(line, "DE") == f"{TRIXIE} cfg80211.ieee80211_regdom=DE{OURS}"


def test_quoted_text_is_one_argument() -> None:
    line = f'{TRIXIE} dyndbg="file x.c +p; {TOKENS[0]} -- systemd.unit=x" a" b"c'
    assert not is_armed(line)
    assert arm(line) == line + OURS
    assert disarm(line) == line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (f"{TRIXIE}\nconsole=tty2\n", "several lines"),
        (f"\n{TRIXIE}\n", "several lines"),
        (f"{TRIXIE}\rx", "several lines"),
        (f"{TRIXIE}\0", r"the character '\\x00'"),
        (f"{TRIXIE} a\x85b", r"the character '\\x85'"),
        (f"{TRIXIE} a\u2028b", r"the character '\\u2028'"),
        (f'{TRIXIE} x="y', "an unclosed quote"),
        (f"{TRIXIE} -- single", "contains --"),
        (
            f"{TRIXIE} systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot",
            "another program has already set up",
        ),
        (f"{TRIXIE} systemd.run_success_action=none", "another program has already set up"),
        (f"{TRIXIE} systemd.unit=rescue.target", "another program has already set up"),
        (f"{TRIXIE} {TOKENS[0]}.old", "another program has already set up"),
        (f"{TRIXIE} {'x' * MAX_BYTES}", "at most 511"),
        (f"{TRIXIE} {'x' * (MAX_BYTES - len(TRIXIE) - len(OURS))}", "have 512 bytes"),
    ],
)
def test_arm_rejects_unsuitable_lines(line: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        arm(line)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_arm_accepts_the_longest_line_of_one_sector() -> None:
    line = f"{TRIXIE} {'x' * (MAX_BYTES - len(TRIXIE) - len(OURS) - 1)}"
    assert len(arm(line)) == MAX_BYTES


@given(st.text(max_size=60))
def test_arm_accepts_or_rejects_any_text(text: str) -> None:
    try:
        armed = arm(text)
    except BadInput as error:
        assert str(error).isprintable()
    else:
        assert is_armed(armed)
        assert armed.endswith(OURS)
