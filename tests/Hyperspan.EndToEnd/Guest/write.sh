# Writes 16 MiB of fresh bytes from 4 MiB on: half through the page cache and synced, half directly.
dd if=/dev/urandom of=/tmp/data bs=1M count=16
dd if=/tmp/data of="$DISK" bs=64k count=128 seek=64 conv=notrunc
dd if=/tmp/data of="$DISK" bs=1M count=8 skip=8 seek=12 oflag=direct conv=notrunc
sync
blockdev --flushbufs "$DISK"
result sha256 "$(sha256 < /tmp/data)"
result again "$(dd if="$DISK" bs=1M skip=4 count=16 iflag=direct | sha256)"
