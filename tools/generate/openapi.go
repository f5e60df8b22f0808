package main

import (
	"fmt"
	"strings"
)

// The details of an error: a list, in the Connect protocol. protoc-gen-connect-openapi 0.18.0 writes a single detail
// (findings/connect-openapi-detail.sh).
const (
	oneDetail = `
        detail:
          $ref: '#/components/schemas/google.protobuf.Any'
`
	details = `
        details:
          type: array
          items:
            $ref: '#/components/schemas/google.protobuf.Any'
`
)

const (
	closed      = "\n      additionalProperties: false\n"
	closedAsOne = "\n      unevaluatedProperties: false\n"
)

// withOneOf returns the OpenAPI document with schemas of a oneof that take the fields of the oneof. protoc-gen-connect-openapi 0.18.0 writes
// additionalProperties beside oneOf, which sees none of the fields that stand within oneOf (findings/connect-openapi-oneof.sh).
func withOneOf(document string) (string, error) {
	schemas := strings.SplitAfter(document, "\n    cinedex.v1.")
	n := 0
	for i, s := range schemas {
		if strings.Contains(s, "\n      oneOf:\n") && strings.Contains(s, closed) {
			schemas[i] = strings.Replace(s, closed, closedAsOne, 1)
			n++
		}
	}
	if n == 0 {
		return "", fmt.Errorf("%s has no closed schema with oneOf: see tools/generate/openapi.go", openAPI)
	}
	return strings.Join(schemas, ""), nil
}

// withDetails returns the OpenAPI document with the details of errors as the Connect protocol sends the details.
func withDetails(document string) (string, error) {
	if n := strings.Count(document, oneDetail); n != 1 {
		return "", fmt.Errorf("%s has %d errors with a single detail, instead of 1: see tools/generate/openapi.go", openAPI, n)
	}
	return strings.Replace(document, oneDetail, details, 1), nil
}
