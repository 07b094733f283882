#!/usr/bin/env bash
# Runs these make targets one after the other, all of them even when one fails, and says at the end how each went and what was
# skipped. A skipped part has written its reason to the file that $SKIPPED names.
set -uo pipefail
cd "$(dirname "$0")/.."
: "${SKIPPED:=$PWD/.run/skipped}"
export SKIPPED
mkdir -p "$(dirname "$SKIPPED")"
: >"$SKIPPED"

results=()
failed=0
for target in "$@"; do
  printf '\n== %s\n' "$target"
  began=$SECONDS
  if make --no-print-directory "$target"; then outcome=ok; else outcome=FAILED failed=1; fi
  results+=("$(printf '%-14s %-7s %4d s' "$target" "$outcome" $((SECONDS - began)))")
done

printf '\n== How it went\n'
printf '%s\n' "${results[@]}"
if [ -s "$SKIPPED" ]; then
  printf '\n== Skipped\n'
  cat "$SKIPPED"
else
  printf 'nothing was skipped\n'
fi
exit "$failed"
