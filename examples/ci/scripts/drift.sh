#!/bin/sh
# Looks for what others have changed since the last apply. Ends with 0 for nothing, 2 for drift, 1 for an error.
# With drift, $PROJECT/drift.md tells what has drifted.
set -eu
cd "$PROJECT"
rm -f drift.md

code=0
report=$(declarative drift) || code=$?
printf '%s\n' "$report"
if [ "$code" -eq 2 ]; then
    # Four blanks make it code, whatever is in it.
    { echo 'The control plane is no longer as it was last applied:'; echo; printf '%s\n' "$report" | sed 's/^/    /'; } > drift.md
fi
# GitHub gives a file for outputs of the step.
[ -z "${GITHUB_OUTPUT:-}" ] || echo "code=$code" >> "$GITHUB_OUTPUT"
exit "$code"
