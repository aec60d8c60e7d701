"""firstrun.sh: the script that systemd runs once, at the first boot of a prepared SD card; it starts install.pyz.

It first blanks its own kernel arguments in cmdline.txt, so that the next boot is a normal one whatever fails later.
Overwriting them in place with blanks keeps the size and the clusters of the file and changes one sector (512 bytes;
the line is shorter), so a power cut leaves either the old line or the new one. Renaming a new file over it would not
ensure that: on FAT this writes two directory entries and a cluster chain, in any order.

Errors are reported in status.json and setup.log, and the machine boots normally in any case. On a machine that was not
booted with these arguments the script does nothing: the settings are not for a computer that only reads the SD card.
"""

from __future__ import annotations

TOKENS = (
    "systemd.run=/boot/firmware/edgevision/firstrun.sh",
    "systemd.run_success_action=reboot",
    "systemd.run_failure_action=reboot",
    "systemd.unit=kernel-command-line.target",
)
"""Kernel arguments that make systemd run the script."""
TIMEOUT_S = 600


def _blanking() -> str:
    """Return a sed script that replaces each argument with blanks of the same length."""
    lines = []
    for token in TOKENS:
        pattern, blanks = token.replace(".", "[.]"), " " * len(token)
        lines += [f"s| {pattern} | {blanks} |", f"s| {pattern}$| {blanks}|"]
    return "\n".join(lines)


_TEXT = r"""#!/bin/sh
# First boot of an SD card prepared by edgevision. Whatever happens, systemd then reboots the machine.
# EDGEVISION_ROOT: root folder, for tests; if unset, the script only runs on a machine booted with its arguments.
set -uf
root=${EDGEVISION_ROOT:-}
if [ -z "$root" ] && ! grep -q ' systemd[.]run=/boot/firmware/edgevision/firstrun[.]sh' /proc/cmdline; then
    echo "$0 works only at the first boot of a prepared SD card; this machine was not booted from one" >&2
    exit 1
fi
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
here=${0%/*}
line=$here/../cmdline.txt

armed() {
    grep -q ' systemd[.]run=/boot/firmware/edgevision/firstrun[.]sh' "$line"
}

# Blanks replace our arguments: same size, same sector, so a power cut leaves the old line or the new one.
blank_arguments() {
    new=$(mktemp) || return 1
    sed '@BLANKING@' "$line" >"$new" &&
        [ "$(wc -c <"$new")" -eq "$(wc -c <"$line")" ] &&
        dd if="$new" of="$line" bs=64k conv=notrunc,fsync status=none
    rm -f "$new"
    sync
    ! armed
}

# Writes status.json where Python cannot. $1: state, $2: message without quotes.
tell() {
    read -r seconds _ </proc/uptime
    read -r boot </proc/sys/kernel/random/boot_id
    printf '{"step": "firstboot", "state": "%s", "message": "%s", "release": "", "time_monotonic": %s, "boot_id": "%s"}\n' \
        "$1" "$2" "$seconds" "$boot" >"$here/status.json.part" &&
        sync && mv -f "$here/status.json.part" "$here/status.json"
    sync
}

# A read-only SD card would run this script at every boot: continue to a normal boot instead of rebooting.
go_on() {
    [ -z "$root" ] || return
    drop=/run/systemd/system/kernel-command-line.service.d
    mkdir -p "$drop"
    printf '[Unit]\nSuccessAction=none\nFailureAction=none\n' >"$drop/edgevision.conf"
    systemctl daemon-reload
    systemctl --no-block isolate multi-user.target
}

blank_arguments
failed=$?
if (: >>"$here/setup.log") 2>/dev/null; then
    exec >>"$here/setup.log" 2>&1
fi
if [ "$failed" -ne 0 ]; then
    echo "cannot write cmdline.txt"
    tell failed "cannot write cmdline.txt on the SD card"
    go_on
    exit 0
fi
echo "first boot"
tell running "the first boot has started"
if ! command -v python3; then
    tell failed "python3 not found on this system"
    exit 0
fi
timeout -k 10 @TIMEOUT@ python3 -I "$here/install.pyz" --first-boot "$here" --root "${root:-/}"
code=$?
if [ "$code" -ne 0 ] && ! grep -q '"state": "failed"' "$here/status.json"; then
    tell failed "install.pyz failed with exit code $code; see setup.log beside this file"
fi
sync
exit 0
"""

FIRSTRUN = _TEXT.replace("@BLANKING@", _blanking()).replace("@TIMEOUT@", str(TIMEOUT_S)).encode("ascii")
"""Content of firstrun.sh: POSIX sh with LF line ends."""
