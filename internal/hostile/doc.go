// Package hostile holds tests of the whole of Cinedex against those who want to see what they may not see. It has no code of its own.
//
// The attacks on a running platform are in cmd/cinedex (hostile_test.go), beside the command that they attack.
package hostile
