#!/bin/sh
# What Raspberry Pi OS does to an SD card at the first boot, for the emulated board: grow the last partition to the end
# and give the disk a unique id. $1: mount point of the boot partition; $2: argument to remove from its cmdline.txt.
set -e
disk=/dev/vda
old=$(sfdisk --disk-id "$disk" | cut -c 3-)
new=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
echo ', +' | sfdisk -q --force --no-reread --no-tell-kernel -N 2 "$disk"
partx -u --nr 2 "$disk"
sfdisk -q --force --no-reread --no-tell-kernel --disk-id "$disk" "0x$new"
sed -i "s/$old/$new/g" /etc/fstab
sed -i -e "s/$old/$new/" -e "s| $2||" -e 's/ quiet//' "$1/cmdline.txt"
sync
