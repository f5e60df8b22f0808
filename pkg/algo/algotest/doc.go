// Package algotest runs any algorithm over a sample clip, and reports broken promises of the algorithm. Tests of algorithms use the package, and so
// does the command `cinedex algorithms check`. Equal runs give equal results, so that a difference is a fault of the algorithm.
//
// The contract:
//
//   - [OpenClip] probes a film of some seconds. The frames are decoded once per size, and kept in memory.
//   - [Run] executes an algorithm, and before it every algorithm whose output it reads, and returns the results.
//   - [Check] executes an algorithm several times under different timings, which real executions meet sooner or later, and compares the results. The
//     findings are for the author of the algorithm.
//   - An error of Check means that the algorithm could not be tried, and is not a finding.
package algotest
