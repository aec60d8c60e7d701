#!/bin/sh
# Trixie, in the initramfs after the root is mounted: grow partition 2 and give the disk a new id, once.
[ "$1" = prereqs ] && exit 0
read -r line < /proc/cmdline
case " $line " in *' resize '*) ;; *) exit 0 ;; esac
echo "resize: started"
mount -o remount,rw /dev/vda2 "$rootmnt"
for name in dev proc sys; do mount -o bind "/$name" "$rootmnt/$name"; done
mount -t vfat /dev/vda1 "$rootmnt/mnt"
chroot "$rootmnt" /usr/lib/raspberrypi-sys-mods/new_card /mnt resize
umount "$rootmnt/mnt"
for name in sys proc dev; do umount "$rootmnt/$name"; done
mount -o remount,ro /dev/vda2 "$rootmnt"
echo "resize: done"
