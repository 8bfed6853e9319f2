# Measures the disk: streams of 1 MiB requests by dd, then 4 KiB requests; all past the page cache.
now() {
    /sbin/date +%s%N
}

# stream DD-ARGUMENTS...: 512 MiB in four passes; prints MiB/s.
stream() {
    begin=$(now)
    for pass in 1 2 3 4; do
        dd bs=1M count=128 "$@" 2>/dev/null
    done
    echo $((512 * 1000000000 / ($(now) - begin)))
}

# requests DD-ARGUMENTS...: 8192 requests of 4 KiB in sequence; prints requests/s.
requests() {
    begin=$(now)
    dd bs=4k count=8192 "$@" 2>/dev/null
    echo $((8192 * 1000000000 / ($(now) - begin)))
}

# random COUNT OPTIONS...: 4 KiB requests all over the disk, one at a time; prints requests/s. The first one does not count.
random() {
    count=$(($1 + 1))
    shift
    /sbin/ioping -q -B -D -i 0 -c "$count" -s 4k -S 128m "$@" "$DISK" | awk '{ print int($3) }'
}

# The back ends do not agree in what they tell the guest of their cache: the reference says "write through", though it leaves
# writes in the host's page cache, and so is never asked to flush. Here both do the same.
without_flushes() {
    # The kernel's own opinion; the device does not hear of it.
    echo "write through" > "/sys/block/${DISK#/dev/}/queue/write_cache"
}

with_flushes() {
    # Tells the device: sets its configuration field writeback.
    echo "write back" > "/sys/block/${DISK#/dev/}/cache_type"
}

# random_many OPTIONS...: the same from eight processes at once.
random_many() {
    begin=$(now)
    for process in 1 2 3 4 5 6 7 8; do
        /sbin/ioping -q -B -D -i 0 -c 2000 -a 0 -s 4k -S 128m -e "$process" "$@" "$DISK" > /dev/null &
    done
    wait
    echo $((16000 * 1000000000 / ($(now) - begin)))
}

# Every page of the image is in the host's cache before anything is measured.
dd if="$DISK" of=/dev/null bs=1M iflag=direct 2>/dev/null
mark warm

result write_mib "$(stream if=/dev/zero of="$DISK" oflag=direct conv=notrunc)"
result read_mib "$(stream if="$DISK" of=/dev/null iflag=direct)"
result write_4k_sequential "$(requests if=/dev/zero of="$DISK" oflag=direct conv=notrunc)"
result read_4k_sequential "$(requests if="$DISK" of=/dev/null iflag=direct)"
result read_4k_random "$(random 8000)"
without_flushes
result write_4k_random "$(random 8000 -WWW)"
with_flushes
result write_4k_flushed "$(random 300 -WWW)"
result read_4k_random_eight "$(random_many)"
mark measured
