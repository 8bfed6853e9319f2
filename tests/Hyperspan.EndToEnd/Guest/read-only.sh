# A disk that must not be written: reads it whole, then tries to write. The kernel refuses, because the device said so.
result read_only "$(attribute ro)"
result sha256 "$(dd if="$DISK" bs=1M iflag=direct | sha256)"

writes=0
if dd if=/dev/zero of="$DISK" bs=4k count=1 oflag=direct; then writes=$((writes + 1)); fi
if dd if=/dev/zero of="$DISK" bs=1M count=1 conv=fsync; then writes=$((writes + 1)); fi
result writes "$writes"
