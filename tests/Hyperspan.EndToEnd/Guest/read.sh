# Reads the whole disk, past the page cache.
result sectors "$(attribute size)"
result read_only "$(attribute ro)"
result serial "$(attribute serial)"
result sha256 "$(dd if="$DISK" bs=1M iflag=direct | sha256)"
