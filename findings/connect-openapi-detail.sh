#!/usr/bin/env bash
# github.com/sudorandom/protoc-gen-connect-openapi v0.18.0 beside connectrpc.com/connect v1.21.1, Go.
#
# Expected: the schema connect.error of the generated document describes the errors of the Connect protocol: code, message, and a list of details.
# Seen: the schema has a single object "detail" and no "details". A server of connect-go sends the list "details". The schema allows other fields, so a
# validator takes the error, and a client generated from the document never reads the details.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"

	"connectrpc.com/connect"
	_ "github.com/sudorandom/protoc-gen-connect-openapi/converter"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	file := protodesc.ToFileDescriptorProto(health.File_grpc_health_v1_health_proto)
	in, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{FileToGenerate: []string{file.GetName()}, ProtoFile: []*descriptorpb.FileDescriptorProto{file}})
	must(err)
	plugin := exec.Command("go", "run", "github.com/sudorandom/protoc-gen-connect-openapi")
	plugin.Stdin, plugin.Stderr = bytes.NewReader(in), os.Stderr
	out, err := plugin.Output()
	must(err)
	var generated pluginpb.CodeGeneratorResponse
	must(proto.Unmarshal(out, &generated))
	document := generated.GetFile()[0].GetContent()
	fmt.Printf("the document has \"detail:\"  %v\nthe document has \"details:\" %v\n", strings.Contains(document, " detail:\n"), strings.Contains(document, " details:\n"))

	refusal := connect.NewError(connect.CodeUnavailable, errors.New("later"))
	detail, err := connect.NewErrorDetail(durationpb.New(1))
	must(err)
	refusal.AddDetail(detail)
	request := httptest.NewRequest("POST", "/grpc.health.v1.Health/Check", nil)
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	must(connect.NewErrorWriter().Write(answer, request, refusal))
	fmt.Println("connect-go sends", strings.TrimSpace(answer.Body.String()))
	if !strings.Contains(document, " detail:\n") || strings.Contains(document, " details:\n") || !strings.Contains(answer.Body.String(), `"details":[`) {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/sudorandom/protoc-gen-connect-openapi@v0.18.0 connectrpc.com/connect@v1.21.1 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
