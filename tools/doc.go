// Package tools holds the tools for work on Cinedex. Developers and CI use the tools. The tools are in modules of their
// own, so that no tool is compiled into Cinedex or chooses the versions of Cinedex's libraries.
//
//   - This module pins the code generators. `go -C tools run ./generate` writes all generated code; with -check the
//     command names stale files.
//   - `go -C tools run ./prose` counts the words that comments and docs should avoid.
//
// The schema is linted by the buf that web/package.json pins as a built program.
package tools
