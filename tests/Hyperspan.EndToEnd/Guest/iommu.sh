# Everything by way of the IOMMU: the disk is in a group of its own, and what it is given to access is mapped for each request and taken away afterwards, strictly.
result groups "$(ls -d /sys/kernel/iommu_groups/*/devices/* | wc -l)"
result type "$(cat /sys/bus/pci/drivers/virtio-pci/*/iommu_group/type | sort -u | tr '\n' ' ')"
dd if=/dev/urandom of=/tmp/data bs=1M count=16
dd if=/tmp/data of="$DISK" bs=64k count=128 seek=64 conv=notrunc
dd if=/tmp/data of="$DISK" bs=1M count=8 skip=8 seek=12 oflag=direct conv=notrunc
sync
blockdev --flushbufs "$DISK"
result sha256 "$(sha256 < /tmp/data)"
result again "$(dd if="$DISK" bs=1M skip=4 count=16 iflag=direct | sha256)"

# Several at a time, in pieces of several sizes, compared with what was written there.
same=0
for size in 4096 65536; do
    for worker in 0 1 2 3; do
        dd if="$DISK" of=/tmp/out.$worker bs=$size iflag=direct count=$((524288 / size)) skip=$(((4 + worker) * 1048576 / size)) 2>/dev/null &
    done
    wait
    for worker in 0 1 2 3; do
        expected=$(dd if=/tmp/data bs=1M skip=$worker count=1 2>/dev/null | head -c 524288 | sha256)
        [ "$(sha256 < /tmp/out.$worker)" = "$expected" ] && same=$((same + 1))
    done
done
result same "$same"
