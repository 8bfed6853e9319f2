# The disk grows and shrinks under a guest that runs; what is written past its old end is read back.
await_size() {
    tries=0
    while [ "$(attribute size)" != "$1" ] && [ "$tries" -lt 1200 ]; do
        usleep 50000
        tries=$((tries + 1))
    done
    result "size$2" "$(attribute size)"
}

result size0 "$(attribute size)"
mark grow
await_size "$LARGER" 1
dd if=/dev/urandom of=/tmp/data bs=1M count=1
dd if=/tmp/data of="$DISK" bs=1M seek="$LAST" oflag=direct conv=notrunc,fsync
result written "$(sha256 < /tmp/data)"
result again "$(dd if="$DISK" bs=1M skip="$LAST" count=1 iflag=direct | sha256)"
mark shrink
await_size "$SMALLER" 2
