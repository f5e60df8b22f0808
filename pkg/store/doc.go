// Package store is the contract of Cinedex's truth: the assets of the library, the items of each run, and the run that readers
// see. Indexers, runners, operators and search-api hold their data in a store. Search engines and every other copy are a fold over the
// store or over the log of events, and MAY be thrown away and rebuilt.
//
// Two implementations stand beside this file: pebblestore keeps the data in one folder, cassandrastore in a cluster. Both pass storetest.
//
// # Contract
//
//   - A write is durable once the call returned nil. The write survives kill -9 of this process, and of the store's own process.
//   - Every write is idempotent by identity: the same write again changes nothing.
//   - Annotations and embeddings belong to a run, and are immutable, with an exception: before the run is active, an
//     execution of the same run under a higher epoch MAY replace items.
//   - Active runs and leases change by compare-and-set alone. Two writers never both win. Reads of active runs and leases are linearizable.
//   - Version and Changes tell readers who hold the library which assets changed.
//   - Dump writes no wall-clock time. Two stores with the same writes, in any order and any number of times, dump the same bytes.
package store
