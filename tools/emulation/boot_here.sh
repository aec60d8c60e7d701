#!/bin/sh
# Boot a second instance of this machine's systemd as process 1 of its own namespaces, on a copy-on-write view of the root.
# Run in new mount, pid, uts, ipc and cgroup namespaces. $1: an empty folder; $2: the repository.
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
root=$1/root

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs sysfs "$root/sys"
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
    for name in memory pids devices cpu; do
        mkdir "$root/sys/fs/cgroup/$name"
        mount -t cgroup -o "$name" cgroup "$root/sys/fs/cgroup/$name"
    done
    mkdir "$root/sys/fs/cgroup/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
mount -o remount,bind,ro "$root/sys"

mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
touch "$root/dev/console"
mkdir -p "$root$2"
mount --rbind "$2" "$root$2"

# None of this machine's own services, only the dependencies of ours, and no state from earlier runs.
units=$root/etc/systemd/system
printf '[Unit]\nDescription=Dependencies of the service\nRequires=sysinit.target\nWants=dbus.socket\nAfter=sysinit.target dbus.socket\nAllowIsolate=yes\n' \
    > "$units/bench.target"
rm -rf "$units/multi-user.target.wants" "$root/etc/edgevision" "$root/var/lib/edgevision" "$root/var/lib/private/edgevision"
for name in udevd udev-trigger networkd resolved timesyncd remount-fs sysctl binfmt update-utmp; do
    ln -sf /dev/null "$units/systemd-$name.service"
done
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
# As on a device, where systemd does so itself: a service's credentials reach it through a mount.
mount --make-rshared "$root"
exec env -i container=bench PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" /lib/systemd/systemd --unit=bench.target --log-target=journal
