#!/usr/bin/env bash
# github.com/cedar-policy/cedar-go v1.9.2, Go.
#
# Expected: NewPolicySetFromBytes(fileName, document) uses the file's name in positions, so an error of the parser names the file.
# Seen: the positions of parsed policies name the file. An error of the parser names "<input>" in place of the file, so that a program with several
# files of policies does not learn which file is wrong.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/cedar-policy/cedar-go"
)

func main() {
	set, err := cedar.NewPolicySetFromBytes("studio.cedar", []byte("permit (principal, action, resource);"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	file := set.Get("policy0").Position().Filename
	_, err = cedar.NewPolicySetFromBytes("studio.cedar", []byte("permit (principal, action);"))
	fmt.Printf("a policy is in: %s\nan error says:  %v\n", file, err)
	if file != "studio.cedar" || err == nil || strings.Contains(err.Error(), "studio.cedar") || !strings.Contains(err.Error(), "<input>") {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/cedar-policy/cedar-go@v1.9.2 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
