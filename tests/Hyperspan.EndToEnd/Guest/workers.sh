# Up to three writers that never stop by themselves, for the scripts that disturb them. WRITERS lists them; each owns a part of
# the disk and writes rounds:
#   1: 2 MiB at 1 MiB, in pieces that the kernel splits into several requests at once
#   2: 512 KiB at 4 MiB, 4 KiB a request
#   3: 1 MiB at 6 MiB, 64 KiB a request, a flush after each round
# Every line of a round has its number. A round counts once dd has reported success; it is then the newest one on the disk.
ROUND_1="count=2 bs=1M seek=1"
ROUND_2="count=128 bs=4k seek=1024"
ROUND_3="count=16 bs=64k seek=96"
BYTES_1=2097152
BYTES_2=524288
BYTES_3=1048576

# line WRITER ROUND: 32 bytes, so that 16 of them fill a sector.
line() {
    printf 'writer %d round %09d ......' "$1" "$2"
}

write_rounds() {
    round=0
    eval "where=\$ROUND_$1 bytes=\$BYTES_$1"
    flags=notrunc
    if [ "$1" -eq 3 ]; then flags=notrunc,fsync; fi
    while [ ! -e /tmp/stop ]; do
        round=$((round + 1))
        pattern "$(line "$1" "$round")" "$bytes" > "/tmp/pattern$1"
        dd if="/tmp/pattern$1" of="$DISK" $where oflag=direct conv=$flags 2>/dev/null
        echo "$round" > "/tmp/round$1"
        mark "writer $1 round $round"
    done
}

# Says how many requests the kernel waits for (reads and writes), while the writers run.
watch_inflight() {
    while [ ! -e /tmp/stop ]; do
        mark "inflight $(attribute inflight | awk '{ print $1 + $2 }')"
        usleep 100000
    done
}

# A part that is written once, before anything happens: 1 MiB at 8 MiB.
write_still() {
    pattern "$(line 9 1)" 1048576 > /tmp/still
    dd if=/tmp/still of="$DISK" bs=1M seek=8 oflag=direct conv=notrunc,fsync
}

start_workers() {
    write_still
    for writer in $WRITERS; do
        write_rounds "$writer" &
    done
    watch_inflight &
    mark started
}

# Stops the writers and compares: bad counts the parts of the disk that do not hold their newest round.
finish_workers() {
    touch /tmp/stop
    wait
    bad=0
    for writer in $WRITERS; do
        read -r round < "/tmp/round$writer"
        result "rounds$writer" "$round"
        eval "where=\$ROUND_$writer bytes=\$BYTES_$writer"
        pattern "$(line "$writer" "$round")" "$bytes" > /tmp/want
        # The same place, as input.
        dd if="$DISK" of=/tmp/got $(echo "$where" | sed s/seek/skip/) iflag=direct
        if ! cmp /tmp/want /tmp/got; then
            bad=$((bad + 1))
            tr -d '\000' < /tmp/got | cut -c 1-32 | sort | uniq -c | head -n 5
        fi
    done
    dd if="$DISK" of=/tmp/got bs=1M skip=8 count=1 iflag=direct
    cmp /tmp/still /tmp/got || bad=$((bad + 1))
    result bad "$bad"
}
