#!/bin/sh
# What Raspberry Pi OS does to a card at its first start, for the emulated board: the last partition takes all of the
# card, and the card gets an id that no other one has. $1: where the boot partition is; $2: what leaves its cmdline.txt.
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
