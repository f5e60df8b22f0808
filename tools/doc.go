// Package tools holds what is needed to work on Cinedex and not to run it, in
// modules of its own so that none of it is compiled into Cinedex or chooses
// the versions of its libraries.
//
//   - This module pins the code generators. `go -C tools run ./generate` writes
//     the code that comes from the .proto files; with -check it tells what is stale.
//   - `go -C tools run ./prose` counts the words that comments and docs should avoid.
//   - tools/buf pins buf, which lints the schema and refuses incompatible
//     changes: `go tool -modfile=tools/buf/go.mod buf lint`. Its first
//     compilation takes minutes, so only linting waits for it. It is a module
//     beside this one because buf asks for a later protobuf than the one whose
//     generated code is committed.
package tools
