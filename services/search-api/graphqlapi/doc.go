// Package graphqlapi serves the search API as GraphQL. The methods behind gRPC and JSON answer, and the answers are the
// protobuf nouns.
//
// POST /graphql requires a token, like every other path, also for introspection. A request holds a single operation, as
// JSON of {query, variables, operationName}. An operation over a limit (bytes, tokens, depth or complexity) is refused
// before the operation runs: see limits.go. Errors give their place in the document, and
// in their extensions the errkind as code, and the field and the column of the arguments where known.
//
// GET /graphiql is GraphiQL, an explorer for people, from this service's own files. Pages with a token to unreleased
// titles load nothing from elsewhere.
//
// generated.go and input.go are made from schema.graphql and gqlgen.yml by `go -C tools run ./generate`.
// scripts/graphiql puts the files into graphiql/.
package graphqlapi
