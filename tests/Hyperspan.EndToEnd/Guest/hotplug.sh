# Writers run while the host adds memory; then the new memory itself is used for requests.
. /hs/workers.sh

offline() {
    grep -l offline /sys/devices/system/memory/memory*/state
}

# Free pages above 4 GiB: at the start there are none, so these are the new ones.
normal_free() {
    awk '/^Node/ { normal = ($4 == "Normal") } normal && $1 == "pages" && $2 == "free" { n += $3 } END { print n + 0 }' /proc/zoneinfo
}

total() {
    awk '/^MemTotal/ { print $2 }' /proc/meminfo
}

result normal_pages_before "$(normal_free)"
before=$(total)
start_workers
expect added

# The kernel shows the new memory block by block.
tries=0
while [ $(($(total) - before)) -lt "$ADDED_KIB" ] && [ "$tries" -lt 200 ]; do
    for block in $(offline); do
        # For all uses; the kernel takes the highest memory first, so the next pages of programs and of the page cache are new ones.
        echo online_kernel > "$block"
    done
    usleep 50000
    tries=$((tries + 1))
done
result added_kib $(($(total) - before))

# An open disk keeps its pages in the cache.
exec 4< "$DISK"
free=$(normal_free)
cat "$DISK" > /dev/null
result pages_used $((free - $(normal_free)))
result tail_cached "$(dd if="$DISK" bs=1M skip=16 | sha256)"
result tail "$(dd if="$DISK" bs=1M skip=16 iflag=direct | sha256)"
mark used
expect stop
finish_workers
