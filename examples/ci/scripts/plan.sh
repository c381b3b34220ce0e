#!/bin/sh
# Plans the project in $PROJECT, and leaves there:
#   infra.plan  the plan, for apply.sh
#   checksum    twelve digits that name it; none where there is no plan
#   plan.md     the plan as a comment, or what was wrong with the manifests
# Ends with 0, changes or not, and with 1 for any error. Everything else it takes from DECLARATIVE_*.
set -eu
cd "$PROJECT"
rm -f infra.plan checksum plan.md

code=0
declarative plan --out infra.plan --markdown plan.md --detailed-exitcode || code=$?
[ -f plan.md ] || echo '### The plan failed. See the log of the job.' > plan.md

# 2 is no failure: it says that there are changes.
if [ "$code" -eq 0 ] || [ "$code" -eq 2 ]; then
    code=0
    declarative show infra.plan 2>&1 > /dev/null | sed -n 's/^Checksum: //p' > checksum
    # GitHub gives a file for outputs of the step.
    [ -z "${GITHUB_OUTPUT:-}" ] || echo "checksum=$(cat checksum)" >> "$GITHUB_OUTPUT"
fi
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat plan.md >> "$GITHUB_STEP_SUMMARY"
exit "$code"
