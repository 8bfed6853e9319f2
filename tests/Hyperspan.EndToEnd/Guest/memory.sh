# Memory that the host adds.
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

# online_added BEFORE: takes what was added into use, once the host has said so.
online_added() {
    # The kernel shows the new memory block by block.
    tries=0
    while [ $(($(total) - $1)) -lt "$ADDED_KIB" ] && [ "$tries" -lt 1200 ]; do
        for block in $(offline); do
            # For all uses; the kernel takes the highest memory first, so the next pages of programs and of the page cache are new ones.
            echo online_kernel > "$block"
        done
        usleep 50000
        tries=$((tries + 1))
    done
}
