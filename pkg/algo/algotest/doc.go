// Package algotest runs any algorithm over a sample clip and says what is wrong with it.
//
// [Run] executes one algorithm in the simplest way there is, and returns what it
// wrote: tests of algorithms look at that. [Check] executes it several times, under timings
// that a real execution meets sooner or later, and compares; its findings are for the
// author of the algorithm, who may see them from a test or from the command line.
package algotest
