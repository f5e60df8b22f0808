// Package tools holds the tools for work on Cinedex. Developers and CI use the tools. The tools are in modules of their
// own, so that no tool is compiled into Cinedex or chooses the versions of Cinedex's libraries.
//
//   - This module pins the code generators. `go -C tools run ./generate` writes all generated code; with -check the
//     command names stale files.
//   - `go -C tools run ./prose` counts the words that comments and docs should avoid.
//   - tools/buf pins buf, which lints the schema and refuses incompatible changes: `go tool -modfile=tools/buf/go.mod
//     buf lint`. The first compilation of buf takes minutes, so only linting waits for buf. buf needs a later protobuf
//     than the committed generated code, and therefore has a module of its own.
package tools
