// Package runs answers what follows from the record of a run: whether the run has ended, whether readers can see all of the run, and which of
// two runs readers are to see. The algo-runner, the indexer, the operator and the search-api ask this package and switch over no state of their
// own. Every caller therefore gives the same answer for the same records.
//
//   - [Ended], [Finished], [Failed] and [Underway] divide the states.
//   - [Whole] and [Indexed] compare the counts of a finished run with the markers of the store.
//   - [Supersedes] and [Older] compare a run with the run that readers see.
//   - [Find] picks the run of an asset for an algorithm and a version.
//   - [Read], [Lookup], [Of] and [Active] read records. Their errors say which record was read, and keep the kind of the store's error.
//
// A nil run is a run without a record: its state is unspecified, so no predicate holds for it.
package runs
