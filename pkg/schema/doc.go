// Package schema is the nouns of Cinedex as Go, beside the protobuf messages
// of package cinedexv1: time, frames, timecode, intervals and identities.
// Every other package uses it. It does no I/O.
package schema
