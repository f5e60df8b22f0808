// Package remotetest has workers for tests: the program of the test itself, started again as a process that serves the contract of workers. Some
// workers keep the contract, and each of the others breaks the contract in a way of its own.
//
// A test of a package that starts workers calls Main in TestMain, and then Start.
package remotetest
