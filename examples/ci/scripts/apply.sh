#!/bin/sh
# Carries out the plan in $PROJECT/infra.plan, if it is the one that $PROJECT/checksum names and nothing that it is about has
# moved since. Guards that may be passed are named in $ALLOW, with blanks between them: "disruption mass-change".
set -eu
cd "$PROJECT"
set -- --checksum "$(cat checksum)" --lock-timeout 5m
for guard in ${ALLOW:-}; do
    set -- "$@" --allow "$guard"
done
exec declarative apply infra.plan "$@"
