# Says what was negotiated, then reads everything and writes a little.
result features "$(cat "/sys/block/${DISK#/dev/}/device/features")"
result sha256 "$(dd if="$DISK" bs=1M iflag=direct | sha256)"
dd if=/dev/urandom of=/tmp/data bs=1M count=4
dd if=/tmp/data of="$DISK" bs=256k seek=8 oflag=direct conv=notrunc,fsync
result written "$(sha256 < /tmp/data)"
result again "$(dd if="$DISK" bs=1M skip=2 count=4 iflag=direct | sha256)"
