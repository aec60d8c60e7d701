#!/bin/sh
# Bookworm, as process 1 of the first start (init= on the kernel's line): grows the card, makes host keys, reboots.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -o remount,rw /
mount /boot/firmware
echo "firstboot: begins"
/usr/lib/raspberrypi-sys-mods/new_card /boot/firmware init=/usr/lib/raspberrypi-sys-mods/firstboot
resize2fs /dev/vda2
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
echo "firstboot: reboots"
umount /boot/firmware
mount -o remount,ro /
sync
reboot -f
sleep 60
