# One page of a request is not in the IOMMU's tables any more when the disk is to write there: that request fails, and the next one does not.
device=$(readlink -f "/sys/block/${DISK#/dev/}/device/..")
result address "$(basename "$device")"
dd if="$DISK" of=/tmp/before bs=4096 count=1 skip=100 iflag=direct
mark mapped
expect read
if dd if="$DISK" of=/tmp/refused bs=4096 count=1 skip=200 iflag=direct; then
    result outcome read
else
    result outcome failed
fi
result sha256 "$(dd if="$DISK" bs=4096 count=16 skip=200 iflag=direct | sha256)"
result faults "$(dmesg | grep -c 'DMAR.*fault addr' || true)"
