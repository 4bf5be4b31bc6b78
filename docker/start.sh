#!/bin/sh
# A container's start: kernels first, then the receiver in this very process, so that SIGTERM
# reaches it. Arguments are the receiver's.
#
# The kernels are compiled by a process that ends: the receiver starts without the compiler's
# memory, and with a filled cache this takes two seconds.
set -eu
echo "kilocall: kernels, in $NUMBA_CACHE_DIR (compiled once for a CPU) ..."
python -m shared.kernels
echo "kilocall: kernels are ready, the receiver starts ..."
exec python -m receiver "$@"
