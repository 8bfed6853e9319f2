# What a front end does with a disk, one thing after the other.
. /hs/workers.sh
. /hs/memory.sh

result features "$(cat "/sys/block/${DISK#/dev/}/device/features")"

# Of the 4 MiB at 10 MiB, which the writers leave alone.
kept() {
    dd if="$DISK" bs=1M skip=10 count=4 iflag=direct | sha256
}

# Its node is there before it can be opened.
await_disk() {
    tries=0
    while ! dd if="$DISK" of=/dev/null bs=4k count=1 2> /dev/null && [ "$tries" -lt 1200 ]; do
        usleep 50000
        tries=$((tries + 1))
    done
}

# Flushes that the kernel has had done since it found the disk.
flushes() {
    awk '{ print $16 }' "/sys/block/${DISK#/dev/}/stat"
}

result sha256 "$(dd if="$DISK" bs=1M iflag=direct | sha256)"
dd if=/dev/urandom of=/tmp/data bs=1M count=4
dd if=/tmp/data of="$DISK" bs=256k seek=40 oflag=direct conv=notrunc,fsync
result written "$(sha256 < /tmp/data)"
result again "$(kept)"

mark flushing
expect go
before=$(flushes)
for i in 1 2 3 4 5 6 7 8 9 10; do
    dd if=/tmp/data of="$DISK" bs=4k count=1 seek=$((3584 + i)) oflag=direct conv=notrunc,fsync
done
result flushes $(($(flushes) - before))
mark flushed
expect go

# The driver lets the device go, which resets it, and takes it again.
device=$(basename "$(readlink "/sys/block/${DISK#/dev/}/device")")
echo "$device" > /sys/bus/virtio/drivers/virtio_blk/unbind
result disk_during_reset "$(test -b "$DISK" && echo 1 || echo 0)"
echo "$device" > /sys/bus/virtio/drivers/virtio_blk/bind
await_disk
result after_reset "$(kept)"

mark unplug
tries=0
while [ -b "$DISK" ] && [ "$tries" -lt 1200 ]; do
    usleep 50000
    tries=$((tries + 1))
done
result disk_after_unplug "$(test -b "$DISK" && echo 1 || echo 0)"
mark unplugged
await_disk
result after_plug "$(kept)"

before=$(total)
mark memory
expect added
online_added "$before"
result added_kib $(($(total) - before))
exec 4< "$DISK"
free=$(normal_free)
cat "$DISK" > /dev/null
result pages_used $((free - $(normal_free)))
result after_memory "$(dd if="$DISK" bs=1M skip=10 count=4 | sha256)"
exec 4<&-

start_workers
expect stop
finish_workers
result after_reconnect "$(kept)"
