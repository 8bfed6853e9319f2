# Uses every queue: each processor writes and reads a part of its own, all at the same time.
processors=$(nproc)
result queues "$(ls "/sys/block/${DISK#/dev/}/mq" | wc -l)"
result processors "$processors"

work() {
    dd if=/dev/urandom of="/tmp/in$1" bs=1M count=4
    for bs in 4 64 1024; do
        count=$((4096 / bs))
        taskset $((1 << $1)) dd if="/tmp/in$1" of="$DISK" bs=${bs}k count=$count seek=$((count * (1 + $1))) oflag=direct conv=notrunc
        taskset $((1 << $1)) dd if="$DISK" of="/tmp/out$1" bs=${bs}k count=$count skip=$((count * (1 + $1))) iflag=direct
        cmp "/tmp/in$1" "/tmp/out$1" || echo "differs at block size $bs" >> "/tmp/bad"
    done
}

i=0
while [ "$i" -lt "$processors" ]; do
    work "$i" &
    i=$((i + 1))
done
wait
touch /tmp/bad
result bad "$(wc -l < /tmp/bad)"

# Interrupts by queue, all processors added up: a queue without any was not used.
awk '/-req\./ { n = 0; for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i; if (n > 0) used++ } END { print used + 0 }' /proc/interrupts > /tmp/used
result used "$(cat /tmp/used)"
