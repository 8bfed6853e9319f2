# Shared by the scripts: how to report, and small tools for raw disks.
DISK=/dev/vda

# result KEY VALUE: a value the host checks.
result() {
    echo "HS:RESULT $1=$2" >&3
}

# mark WORDS: a moment the host may wait for.
mark() {
    echo "HS:MARK $*" >&3
}

# expect WORD: waits until the host has sent the word.
expect() {
    word=
    while [ "$word" != "$1" ]; do
        read -r word <&3
    done
}

# attribute NAME: what the kernel says about the disk.
attribute() {
    cat "/sys/block/${DISK#/dev/}/$1"
}

sha256() {
    sha256sum | cut -d' ' -f1
}

# pattern TEXT BYTES: one numbered line over and over; every 512-byte sector says whose and which write it is.
# Above 64 KiB the size is a multiple of 512 KiB.
pattern() {
    if [ "$2" -le 65536 ]; then
        yes "$1" | head -c "$2"
        return
    fi

    # Copies of 64 KiB: a filter over megabytes takes its time under emulation.
    part=$(mktemp /tmp/part.XXXXXX)
    yes "$1" | head -c 65536 > "$part"
    left=$2
    while [ "$left" -gt 0 ]; do
        cat "$part" "$part" "$part" "$part" "$part" "$part" "$part" "$part"
        left=$((left - 524288))
    done
    rm "$part"
}
