# Reads from the entropy device, twice: the numbers differ.
result current "$(cat /sys/class/misc/hw_random/rng_current)"
dd if=/dev/hwrng of=/tmp/first bs=4k count=4 iflag=fullblock
dd if=/dev/hwrng of=/tmp/second bs=4k count=4 iflag=fullblock
result length "$(wc -c < /tmp/first)"
result different "$(cmp -s /tmp/first /tmp/second && echo 0 || echo 1)"
result compressed "$(gzip -c /tmp/first | wc -c)"
