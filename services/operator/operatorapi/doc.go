// Package operatorapi serves operators: jobs, lag and dead letters, over gRPC, gRPC-Web and JSON from a single handler. Package operating does the
// work, and package events reads the log.
//
//   - Each call MUST carry a token. The roles of the token's caller decide.
//   - Each call leaves an audit line, whether the call is answered or refused.
//   - Errors carry the kind of the service's error.
package operatorapi
