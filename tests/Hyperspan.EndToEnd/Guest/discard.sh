# Discards 4 MiB at 4 MiB, zeroes 4 MiB at 12 MiB without writing them; what is between stays.
result discard_max "$(attribute queue/discard_max_bytes)"
result zeroes_max "$(attribute queue/write_zeroes_max_bytes)"
/sbin/blkdiscard --offset 4194304 --length 4194304 "$DISK"
# Punching a hole into a block device: write zeroes, unmapping allowed, and no fallback to writing.
/sbin/fallocate --punch-hole --offset 12582912 --length 4194304 "$DISK"
sync
result zeroes "$(dd if="$DISK" bs=1M skip=12 count=4 iflag=direct | sha256)"
