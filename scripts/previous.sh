#!/usr/bin/env bash
# Builds the previous release from its own sources in this repository's history, and prints the path of its program. What it is
# good for: Tests/IntegrationTests/PreviousReleaseTests.swift patches a pool from that build to this one and back.
#   scripts/previous.sh
# The commit is in Packaging/previous-release; the sources and the build go to .build-previous. Exit code 69 when the history does not
# reach back that far (a shallow clone: git fetch --unshallow).
set -euo pipefail
cd "$(dirname "$0")/.."

commit=$(cat Packaging/previous-release)
git cat-file -e "$commit^{commit}" 2> /dev/null || {
  echo "previous.sh: commit $commit, the previous release, is not in this clone; git fetch --unshallow brings it" >&2
  exit 69
}
bash scripts/setup.sh >&2
if [ "$(cat .build-previous/commit 2> /dev/null)" != "$commit" ]; then
  rm -rf .build-previous/source
  mkdir -p .build-previous/source
  git archive "$commit" | tar -x -C .build-previous/source
  echo "$commit" > .build-previous/commit
fi
# The same versions of the libraries: they are there already.
[ ! -f Package.resolved ] || cp Package.resolved .build-previous/source/
build=(swift build --package-path .build-previous/source --scratch-path .build-previous/build --product quorate)
"${build[@]}" >&2
echo "$(cd "$("${build[@]}" --show-bin-path)" && pwd)/quorate"
