#!/bin/sh
# Install the Debian packages that the tests need: system_packages.sh [--check]
#
# Installs only what is missing, as root or through passwordless sudo. --check installs nothing: it prints one line that names
# what is missing and how to install it. Exit status: 0 nothing is missing, or this is not Debian; 1 something is; 2 bad usage.
set -eu

packages() { # one per line: package, what the tests use it for
  cat <<'EOF'
dosfstools      mkfs.vfat makes boot partitions, fsck.vfat checks what our FAT32 writer wrote
mtools          mcopy, mdir and mtype read FAT32 partitions back
fdisk           sfdisk partitions OS images
e2fsprogs       mke2fs makes root partitions, e2fsck and debugfs check them
openssl         password hashes and signatures of bundles
openssh-client  ssh-keygen checks the SSH keys that the settings accept; ssh and sftp pull images
openssh-server  the SSH server that deployments and pulled images are tested with
sudo            the root rights of a deployment; visudo checks its rule
rsync           transfers the images that are pulled
systemd         systemd-analyze checks our units; systemctl enables them in another root
passwd          usermod, groupmod and chpasswd change the accounts of another root
mount           losetup and mount, for loop devices as SD cards
util-linux      unshare gives a test mounts of its own
xz-utils        xz packs bundles and OS images
tzdata          the time zones and countries that the settings are checked against
libglib2.0-bin  brings GLib, which reads NetworkManager's key files as NetworkManager does
python3         the system's own Python, which starts the installer on an SD card
gcc             builds the fake libedgetpu and the fake webcam
libc6-dev       headers for gcc
g++             compiles exported C arrays
gcc-arm-none-eabi  compiles them for Cortex-M
shellcheck      checks the shell scripts of an SD card
mosquitto       the MQTT broker that the MQTT output is tested with
chromium        opens the live page
EOF
}

case "${1:-}" in
'' | --check) ;;
*)
  echo "system_packages: unknown argument '$1'; use --check or nothing" >&2
  exit 2
  ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "system_packages: this is not Debian: install what provides $(packages | awk '{printf "%s%s", sep, $1; sep = " "}')," \
    "or tests that need them are skipped" >&2
  exit 0
fi

missing=
for package in $(packages | awk '{print $1}'); do
  case "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" in
  installed) ;;
  *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

how="apt-get install --no-install-recommends$missing"
if [ "${1:-}" = --check ]; then
  echo "system_packages: missing:$missing; install them: sudo $how" >&2
  exit 1
fi
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root='sudo -n'
else
  echo "system_packages: missing, so tests will be skipped:$missing; install them: sudo $how" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { # update, install ...: output to the log; without questions
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null
}
echo "system_packages: installing$missing"
# The package lists of a fresh machine are empty or old: they are fetched only if the first attempt fails.
# shellcheck disable=SC2086  # a list of words
apt install -y --no-install-recommends $missing || {
  if apt update && apt install -y --no-install-recommends $missing; then :; else
    reason=$(grep -m 1 '^E: ' "$log" || tail -n 1 "$log")
    echo "system_packages: cannot install$missing: ${reason:-apt-get failed}" >&2
    exit 1
  fi
}
