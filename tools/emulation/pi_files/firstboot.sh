#!/bin/sh
# Bookworm, as process 1 of the first boot (init= on the kernel command line): grow the root, make host keys, reboot.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -o remount,rw /
mount /boot/firmware
echo "firstboot: started"
/usr/lib/raspberrypi-sys-mods/new_card /boot/firmware init=/usr/lib/raspberrypi-sys-mods/firstboot
resize2fs /dev/vda2
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
echo "firstboot: rebooting"
umount /boot/firmware
mount -o remount,ro /
sync
reboot -f
sleep 60
