#!/usr/bin/env bash
# Reproduce what a pull request changes, and write its report to review/:
#
#   .github/reproduce.sh BASE      BASE is what to compare with, such as origin/main
#
#   UNTRUSTED=true   dvc.lock is not taken at its word: all that differs from BASE runs here
#   PUSH=true        the results are kept in the remote
set -euo pipefail
base=$1

if [[ ${UNTRUSTED:-} == true ]]; then
    git checkout --quiet "$base" -- dvc.lock
fi

# Without a remote that answers, such as in a fork that has no key to it, all is made from the sources.
if python -m dvc status --cloud > /dev/null; then
    python -m epochwise.dvc repro --pull --allow-missing
else
    echo 'No remote can be read: everything runs, from the sources on.'
    python -m epochwise.dvc repro
fi

# With the run cache, so that `dvc repro --pull` at home takes these results over without a run.
if [[ ${PUSH:-} == true ]]; then
    python -m dvc push --run-cache
fi

python -m epochwise.review "$base"
