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

// withDetails returns the OpenAPI document with the details of errors as the Connect protocol sends the details.
func withDetails(document string) (string, error) {
	if n := strings.Count(document, oneDetail); n != 1 {
		return "", fmt.Errorf("%s has %d errors with a single detail, instead of 1: see tools/generate/openapi.go", openAPI, n)
	}
	return strings.Replace(document, oneDetail, details, 1), nil
}
