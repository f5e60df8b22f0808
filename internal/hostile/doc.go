// Package hostile tests the whole of Cinedex against callers who want to see forbidden titles. The package is for tests
// alone. The tests check that a forbidden title changes no byte of any answer.
//
// The attacks on a running platform are in cmd/cinedex (hostile_test.go), beside the attacked command.
package hostile
