#!/usr/bin/env bash
# github.com/google/cel-go v0.32.0, Go modules.
#
# Expected: a minor release of a module is got by the path of the release before, and `go get MODULE@latest` gets it.
# Seen: the tag v0.32.0 is listed under github.com/google/cel-go, and its go.mod declares cel.dev/cel-go. `go get github.com/google/cel-go@v0.32.0` (the
# newest version of the old path, so @latest too) ends with an error. v0.31.0 is the last version that the old path gives; the new path gives v0.32.0.
# A program that imports both paths, directly or through a library, has two type systems of CEL that do not fit each other.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
go mod init finding >/dev/null 2>&1
go list -m -versions github.com/google/cel-go | tr ' ' '\n' | grep -x v0.32.0 | sed 's/^/listed under the old path: /'
if go get github.com/google/cel-go@v0.32.0 > got.txt 2>&1; then
  echo "the behaviour is another than stated: the old path gives v0.32.0"
  exit 1
fi
grep "module declares its path as" got.txt
grep -q "module declares its path as: cel.dev/cel-go" got.txt
go get github.com/google/cel-go@v0.31.0 > got.txt 2>&1 && echo "the old path gives v0.31.0"
go get cel.dev/cel-go@v0.32.0 > got.txt 2>&1 && echo "the new path gives v0.32.0"
