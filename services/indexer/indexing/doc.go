// Package indexing is the indexer: the package folds the items of runs into the store and the search engines for readers, and activates whole runs.
// An event's offset is committed only after the rows of the event are durable in the store and in the search engines. Handling an event again gives
// the same rows.
//
//   - A batch under an epoch that is not the epoch of the run any more is refused. A batch of a run that ended under another epoch is refused as
//     well.
//   - A run whose end is refused is requested again.
//   - A run has a record before an item of the run is in a search engine.
//   - A run is activated once every item of the run can be found, never before, and by itself at most once: a later switch by an operator stays.
package indexing
