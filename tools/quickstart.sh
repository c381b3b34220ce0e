#!/bin/sh
# The quickstart: plan, apply, an empty plan, a change, on the embedded control plane. Asks nothing and can be repeated.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
work="$here/.quickstart"
rm -rf "$work"
mkdir "$work"
cp -R "$here/examples/quickstart" "$work/manifests"
cd "$work"
unset DECLARATIVE_ENDPOINT DECLARATIVE_STATE DECLARATIVE_ENVIRONMENT 2>/dev/null || true

bold= plain=
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
say() { printf '\n%s# %s%s\n' "$bold" "$1" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@"; }

say "What would be made of these manifests?"
run declarative plan manifests
say "Make it so."
run declarative apply manifests --auto-approve
say "Once more: there is nothing left to do."
run declarative plan manifests
say "A change: wake the suspended training, and add a variable to the template."
sed -i.bak 's/desiredPhase: Stopped/desiredPhase: Running/' manifests/trainings.yaml
sed -i.bak 's/- {name: NCCL_DEBUG, value: WARN}/&\n      - {name: OMP_NUM_THREADS, value: "8"}/' manifests/template.yaml
rm manifests/*.bak
run declarative apply manifests --auto-approve
say "The control plane is what the manifests say."
run declarative plan manifests
run declarative state list

cat <<'END'

That was all of it, on the embedded control plane, in .quickstart/. What to try next:

  . .venv/bin/activate && cd .quickstart
  edit manifests/trainings.yaml       change an image or mistype a key, then: declarative plan manifests
  declarative init ../infra           a project of your own
  declarative destroy                 take everything away again
END
