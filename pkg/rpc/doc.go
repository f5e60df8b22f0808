// Package rpc is how Cinedex's services are asked over HTTP: who is asking, in which
// encodings, and what an error looks like to the caller. Every service that answers
// gRPC, gRPC-Web and JSON goes through it, so that there is one way to a caller.
//
// Every call brings a token, as `Authorization: Bearer …` or in the cookie that the
// web page sets; Authenticate turns it into the caller that services ask for. Errors go
// out by the one table of errkind, and what went wrong inside stays inside.
package rpc
