// Package graphqlapi serves the search API as GraphQL: the same methods answer that
// answer gRPC and JSON, with the protobuf nouns for answers.
//
// POST /graphql asks for the same token as everything else, its introspection included, and
// takes one operation a request, as JSON of {query, variables, operationName}. What asks for
// too much, by bytes, tokens, depth or complexity, is refused before it runs: see limits.go.
// Errors give their place in the request, and their errkind in extensions.code.
//
// GET /graphiql is GraphiQL, an explorer for people, from this service's own files: pages
// that know a token to unreleased titles load nothing from elsewhere.
//
// generated.go and input.go are made from schema.graphql and gqlgen.yml by
// `go -C tools run ./generate`; the files in graphiql/ are put there by scripts/graphiql.
package graphqlapi
