# Writers run while the host adds memory; then the new memory itself is used for requests.
. /hs/workers.sh
. /hs/memory.sh

result normal_pages_before "$(normal_free)"
before=$(total)
start_workers
expect added

online_added "$before"
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
