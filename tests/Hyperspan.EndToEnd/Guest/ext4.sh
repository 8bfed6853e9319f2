# A file system: made, filled, unmounted, mounted again, compared, checked.
/sbin/mkfs.ext4 -q -F "$DISK"
mount -t ext4 "$DISK" /mnt

mkdir -p /mnt/deep/er
for i in $(seq 1 40); do
    dd if=/dev/urandom of="/mnt/deep/er/file$i" bs=$((i * 997)) count=3 2>/dev/null
done
dd if=/dev/urandom of=/mnt/large bs=1M count=6
ln -s large /mnt/link
rm /mnt/deep/er/file7
sums() {
    (cd /mnt && find . -type f | sort | xargs sha256sum)
}
sums > /tmp/before
umount /mnt

blockdev --flushbufs "$DISK"
mount -t ext4 "$DISK" /mnt
sums > /tmp/after
result files "$(wc -l < /tmp/after)"
result link "$(readlink /mnt/link)"
if cmp /tmp/before /tmp/after; then result same 1; else result same 0; fi
umount /mnt

/sbin/e2fsck -f -n "$DISK"
result check "$?"
