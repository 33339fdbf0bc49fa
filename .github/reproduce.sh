#!/usr/bin/env bash
# Reproduce what a pull request changes, and write its report to review/:
#
#   .github/reproduce.sh BASE      BASE is what to compare with, such as origin/main
#
#   UNTRUSTED=true   dvc.lock is not taken at its word: all that differs from BASE runs here
#   PUSH=true        the results are kept in the remote
set -euo pipefail
base=$1

# What the change was made from: the base branch may have gone on since.
from=$(git merge-base "$base" HEAD || git rev-parse "$base")
if [[ $from != $(git rev-parse "$base") ]]; then
    base=${from:0:10}
fi

if [[ ${UNTRUSTED:-} == true ]]; then
    git checkout --quiet "$base" -- dvc.lock
    git checkout --quiet "$base" -- metrics/noise.json 2> /dev/null || rm -f metrics/noise.json
fi

# Without a remote that answers, such as in a fork that has no key to it, all is made from the sources.
if python -m dvc status --cloud > /dev/null; then
    python -m epochwise.dvc repro --pull --allow-missing
else
    echo 'No remote can be read: everything runs, from the sources on.'
    python -m epochwise.dvc repro
fi

python -m epochwise.review "$base" || failed=true

# With the run cache, so that `dvc repro --pull` at home takes these results over without a run.
if [[ ${PUSH:-} == true ]]; then
    python -m dvc push --run-cache || echo '::warning::The results could not be kept in the remote.'
fi
[[ -z ${failed:-} ]]
