# Memory that has to stay as it is: a file in memory whose checksum is taken over and over, each round with its number.
# Random, and small: a checksum takes its time under emulation.
head -c 2097152 /dev/urandom > /tmp/data
first=$(sha256 < /tmp/data)
mark "begin $first"
round=0
while [ "$round" -lt 1000000 ]; do
    round=$((round + 1))
    sum=$(sha256 < /tmp/data)
    if [ "$sum" != "$first" ]; then
        mark "broken $round $sum"
        exit 1
    fi
    mark "round $round $sum"
done
