# Writers run while the host kills and restarts the back end.
. /hs/workers.sh
start_workers
expect stop
finish_workers
