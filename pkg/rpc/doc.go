// Package rpc is the HTTP side of Cinedex's services: callers, encodings and the form of errors. Every service with
// gRPC, gRPC-Web and JSON uses the package. Every call is authenticated in the same way, and an internal error reveals
// nothing to the caller.
//
// Contract:
//
//   - Every call brings a token, as `Authorization: Bearer …` or in the web page's cookie. Authenticate turns the token
//     into the caller that services expect.
//   - Errors go out by the table of errkind. The log gets internal errors, and the caller gets a fixed text.
package rpc
