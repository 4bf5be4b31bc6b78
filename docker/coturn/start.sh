#!/bin/sh
# coturn with turnserver.conf and what the environment says. The secret goes by a file, as anybody
# on the host can read a command line.
set -eu
: "${TURN_REALM:?is the name under which the TURN server is known}"
: "${TURN_SECRET:?is what coturn shares with the receiver}"
folder=$(dirname "$0")
umask 077
configuration=$(mktemp)
{
  cat "$folder/turnserver.conf"
  echo "realm=$TURN_REALM"
  echo "static-auth-secret=$TURN_SECRET"
  if [ -n "${TURN_EXTERNAL_IP:-}" ]; then echo "external-ip=$TURN_EXTERNAL_IP"; fi
  if [ -n "${TURN_ALLOWED_PEER:-}" ]; then echo "allowed-peer-ip=$TURN_ALLOWED_PEER"; fi
} >"$configuration"
exec turnserver -c "$configuration" "$@"
