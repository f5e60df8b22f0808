#!/usr/bin/env bash
# github.com/sudorandom/protoc-gen-connect-openapi v0.18.0, Go, and jsonschema 4.26.0, Python.
#
# Expected: the schema of a message with a oneof takes a value that sets one field of the oneof.
# Seen: the schema has the fields within oneOf, and additionalProperties: false beside oneOf. By JSON Schema, additionalProperties sees only
# the properties beside it, so a validator refuses every value that sets a field of the oneof. unevaluatedProperties, which OpenAPI 3.1 has, sees
# the fields.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"

	_ "github.com/sudorandom/protoc-gen-connect-openapi/converter"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	file := protodesc.ToFileDescriptorProto(reflection.File_grpc_reflection_v1_reflection_proto)
	with := "with-streaming"
	in, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{FileToGenerate: []string{file.GetName()}, ProtoFile: []*descriptorpb.FileDescriptorProto{file}, Parameter: &with})
	must(err)
	plugin := exec.Command("go", "run", "github.com/sudorandom/protoc-gen-connect-openapi")
	plugin.Stdin, plugin.Stderr = bytes.NewReader(in), os.Stderr
	out, err := plugin.Output()
	must(err)
	var generated pluginpb.CodeGeneratorResponse
	must(proto.Unmarshal(out, &generated))
	must(os.WriteFile("openapi.yaml", []byte(generated.GetFile()[0].GetContent()), 0o600))
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/sudorandom/protoc-gen-connect-openapi@v0.18.0 google.golang.org/grpc@v1.76.0 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
python3 -m venv v
v/bin/pip install --quiet --disable-pip-version-check jsonschema==4.26.0 pyyaml==6.0.3
v/bin/python - <<'PY'
import sys, yaml, jsonschema
document = yaml.safe_load(open("openapi.yaml"))
value = {"listServices": "*"}
def refusals(keyword):
    schema = dict(document["components"]["schemas"]["grpc.reflection.v1.ServerReflectionRequest"])
    if keyword != "additionalProperties":
        schema[keyword] = schema.pop("additionalProperties")
    schema["components"] = document["components"]
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(value)]
before, after = refusals("additionalProperties"), refusals("unevaluatedProperties")
print("openapi", document["openapi"], "value", value)
print("with additionalProperties: ", before or "taken")
print("with unevaluatedProperties:", after or "taken")
sys.exit(0 if before and not after else "the behaviour is another than stated")
PY
