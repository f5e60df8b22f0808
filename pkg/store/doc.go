// Package store is the contract of Cinedex's truth: what is in the library, what
// each run said of it, and which run readers see.
//
// Everything else is a fold over the store or the log and may be thrown away and
// rebuilt. Two implementations stand beside this file: pebblestore keeps it in one
// folder, cassandrastore in a cluster. Both pass storetest.
//
// # What holds
//
//   - A write that returned nil is durable: it survives kill -9 of this process,
//     and of the store's own process where it has one.
//   - Every write is idempotent by identity: doing it again changes nothing.
//   - Rows of annotations and embeddings belong to a run and are immutable but for
//     one case: a re-execution of the same run under a higher epoch may replace them
//     before the run is active.
//   - Active runs and leases change by compare-and-set alone, so two writers never
//     both win, and reads of them are linearizable.
//   - No wall-clock time is stored in the rows that Dump writes: two stores that
//     were told the same things, in whatever order and however often, dump the same bytes.
package store
