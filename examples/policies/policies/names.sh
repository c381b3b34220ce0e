#!/bin/sh
# Minds names that say they are temporary. Standard input is what `declarative show PLANFILE --json` prints.
if grep -o '"name": "tmp-[^"]*"'; then
    echo "temporary names do not belong into a manifest"
    exit 1
fi
