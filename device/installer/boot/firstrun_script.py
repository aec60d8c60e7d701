"""firstrun.sh: what systemd starts, once, at the first start of a card that was prepared; it hands over to install.pyz.

The kernel's line is disarmed before anything else, so that whatever fails afterwards ends in an ordinary start. The
words are overwritten by blanks where they stand: the file keeps its size and its clusters, one sector of it changes (512
bytes, and lines are shorter), so a power cut leaves the old line or the new one. A file renamed over it would not: on
FAT that is two directory entries and a chain of clusters, written in any order.

What went wrong is in status.json and setup.log, and the machine starts normally either way. On a machine that was not
started by these words it does nothing: the settings are a card's, not those of the computer that reads it.
"""

from __future__ import annotations

TOKENS = (
    "systemd.run=/boot/firmware/edgevision/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.run_failure_action=reboot",
    "systemd.unit=kernel-command-line.target",
)
"""Words on the kernel's line that make systemd start it."""
TIMEOUT_S = 600


def _blanking() -> str:
    """Lines of a sed script: each word gives way to as many blanks, and no other byte changes."""
    lines = []
    for token in TOKENS:
        pattern, blanks = token.replace(".", "[.]"), " " * len(token)
        lines += [f"s| {pattern} | {blanks} |", f"s| {pattern}$| {blanks}|"]
    return "\n".join(lines)


_TEXT = r"""#!/bin/sh
# The first start of a card made by edgevision. Whatever happens, systemd starts the machine again.
# EDGEVISION_ROOT: for tests, where the system is; without it only a machine that was started this way is touched.
set -uf
root=${EDGEVISION_ROOT:-}
if [ -z "$root" ] && ! grep -q ' systemd[.]run=/boot/firmware/edgevision/firstrun[.]sh' /proc/cmdline; then
    echo "$0 is for the first start of a prepared card; it was not started by one" >&2
    exit 1
fi
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
here=${0%/*}
line=$here/../cmdline.txt

armed() {
    grep -q ' systemd[.]run=/boot/firmware/edgevision/firstrun[.]sh' "$line"
}

# Blanks where our words stood: same size, same sector, so a power cut leaves the old line or the new one.
disarm() {
    new=$(mktemp) || return 1
    sed '@BLANKING@' "$line" >"$new" &&
        [ "$(wc -c <"$new")" -eq "$(wc -c <"$line")" ] &&
        dd if="$new" of="$line" bs=64k conv=notrunc,fsync status=none
    rm -f "$new"
    sync
    ! armed
}

# What no Python could tell. $1: state, $2: message without quotes.
tell() {
    read -r seconds _ </proc/uptime
    read -r boot </proc/sys/kernel/random/boot_id
    printf '{"step": "firstboot", "state": "%s", "message": "%s", "release": "", "time_monotonic": %s, "boot_id": "%s"}\n' \
        "$1" "$2" "$seconds" "$boot" >"$here/status.json.part" &&
        sync && mv -f "$here/status.json.part" "$here/status.json"
    sync
}

# A card that cannot be written would start this for ever: no restart then, and on to the ordinary start.
go_on() {
    [ -z "$root" ] || return
    drop=/run/systemd/system/kernel-command-line.service.d
    mkdir -p "$drop"
    printf '[Unit]\nSuccessAction=none\nFailureAction=none\n' >"$drop/edgevision.conf"
    systemctl daemon-reload
    systemctl --no-block isolate multi-user.target
}

disarm
failed=$?
if (: >>"$here/setup.log") 2>/dev/null; then
    exec >>"$here/setup.log" 2>&1
fi
if [ "$failed" -ne 0 ]; then
    echo "cmdline.txt cannot be written"
    tell failed "cmdline.txt on the card cannot be written"
    go_on
    exit 0
fi
echo "first start"
tell running "the first start has begun"
if ! command -v python3; then
    tell failed "this system has no python3"
    exit 0
fi
timeout -k 10 @TIMEOUT@ python3 -I "$here/install.pyz" --first-boot "$here" --root "${root:-/}"
code=$?
if [ "$code" -ne 0 ] && ! grep -q '"state": "failed"' "$here/status.json"; then
    tell failed "install.pyz ended with exit status $code; setup.log beside this file says more"
fi
sync
exit 0
"""

FIRSTRUN = _TEXT.replace("@BLANKING@", _blanking()).replace("@TIMEOUT@", str(TIMEOUT_S)).encode("ascii")
"""POSIX sh with LF at the ends of lines."""
