#!/bin/sh
# Minds names that say they are temporary. Standard input is what `declarative show PLANFILE --json` prints.
found=$(grep -o '"name": "tmp-[^"]*"' | sort -u)
if [ -n "$found" ]; then
    echo "$found"
    echo "temporary names do not belong into a manifest"
    exit 1
fi
