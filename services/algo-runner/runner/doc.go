// Package runner is the algo-runner: the package plans which algorithms run over which assets, and executes the runs, for everybody who reads
// annotations. The planner turns media.ready and runs.finished into runs.requested: a run for every algorithm that applies and whose inputs exist,
// once, by the memo in the store. The executor turns runs.requested into annotations, embeddings and runs.finished.
//
// Runs of a request that read frames share a decoding of the film. A run that reads the items of another run of the same request gets each item when
// the item is written.
//
// The package guarantees:
//
//   - Live requests go first. A request by an operator (runs.batch, behind it runs.backfill) is executed only while no earlier lane is busy. The
//     request is given up for live work, and begins anew afterwards (lane.go).
//   - A request's offset is committed only after the items and the ends of all runs are acknowledged by the log.
//   - An execution holds a lease. An execution that lost the lease writes nothing more, and the indexer refuses the earlier items by the epoch.
//   - Executing a run again gives the same rows.
//   - The failure of an algorithm, a panic included, is the failure of its run and of no other run.
package runner
