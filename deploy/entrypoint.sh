#!/bin/sh
# Gives the service its secrets: CRANEWATCH_X_FILE=/run/secrets/x becomes CRANEWATCH_X with what the file holds.
set -eu
for name in $(env | sed -n 's/^\(CRANEWATCH_[A-Za-z0-9_]*\)_FILE=.*/\1/p'); do
    eval "file=\$${name}_FILE"
    if ! value=$(cat "$file"); then
        echo "cranewatch: cannot read $file for $name; has deploy/prepare.py been run?" >&2
        exit 1
    fi
    export "$name=$value"
    unset "${name}_FILE"
done
exec "$@"
