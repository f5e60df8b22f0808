// Package store is the contract of Cinedex's truth: the assets of the library, the items of each run, and the run that
// readers see. Indexers, runners, operators and search-api hold their data in a store. Search engines and every other
// copy are a fold over the store or over the log of events, and MAY be thrown away and rebuilt.
//
// Two implementations stand beside this file: pebblestore keeps the data in a folder, cassandrastore in a cluster. Both
// pass storetest.
//
// # Contract
//
//   - A write is durable once the call returned nil. The write survives kill -9 of this process, and of the store's own
//     process. The promise of cassandrastore has two conditions: a majority of copies is left, and the servers have the
//     commitlog_sync required by cassandrastore. With Cassandra's default, a lone node loses the writes of the last
//     moment when killed.
//   - Every write is idempotent by identity: the same write again changes nothing.
//   - Annotations and embeddings belong to a run. The items of an active run are immutable. Before the run is active, an execution of
//     the same run under a higher epoch MAY replace items. WriteBatches does not check the rule: the caller MUST keep the rule.
//   - Assets, records of runs, active runs, jobs and leases change by compare-and-set alone. Two writers never both win.
//   - Active and CheckEpoch are linearizable. Every other read sees each write that returned nil before the read began.
//   - Version and Changes tell readers who hold the library which assets changed.
//   - Dump writes no wall-clock time. Two stores with the same writes, in any order and any number of times, dump the same bytes.
package store
