# A console besides the disk: what is sent comes back to be compared, both ways, more than all the buffers on the way hold.
tries=0
while [ ! -c /dev/hvc0 ] && [ "$tries" -lt 1200 ]; do
    usleep 50000
    tries=$((tries + 1))
done
exec 4<>/dev/hvc0
stty -F /dev/hvc0 raw -echo
mark open
dd bs=1 count="$LENGTH" <&4 2>/dev/null >/tmp/received
result received "$(sha256 < /tmp/received)"
dd if=/dev/urandom of=/tmp/sent bs="$LENGTH" count=1
result sent "$(sha256 < /tmp/sent)"
cat /tmp/sent >&4
mark sent
expect seen
