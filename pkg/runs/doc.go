// Package runs judges runs by their records: whether a run has ended, whether readers can see all of a run, and which of two runs readers are to
// see. The algo-runner, the indexer, the operator, the search-api and the stores ask this package, and switch over no state themselves. All callers
// therefore give the same answer for the same records.
//
//   - [Ended], [Finished], [Failed] and [Underway] divide the states.
//   - [Whole] and [Indexed] compare the counts of a finished run with the markers of the store.
//   - [Supersedes] and [Older] compare a run with the active run.
//   - [Find] picks the run of an asset for an algorithm and a version.
//   - [Plan] derives the runs that an asset is to get from the declarations of algorithms.
//   - [Read], [Lookup], [Of] and [Active] read records. Their errors say which record was read, and keep the kind of the store's error.
//
// A nil run is a run without a record: its state is unspecified, so no predicate holds for it.
package runs
