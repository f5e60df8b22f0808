// Package operating is the operator service: the kinds of operators' work, the list of runs, and the results of batches. The operators' API calls
// this package; package jobs does the jobs. kinds.go lists the kinds, and each kind is a file: replay, activate, collect, rebuild, verify (and
// repair), batch.
//
// The kinds guarantee:
//
//   - Readers see whole runs while any job works: a switch is a compare-and-set, a rebuild swaps engines at once, and a collection deletes only runs
//     that nobody has seen for a grace.
//   - A job that was killed goes on from the job's cursor, and ends as an undisturbed job does.
//   - Work over the library goes behind live work: in lanes of its own, at a rate, and never far ahead of the indexer.
package operating
