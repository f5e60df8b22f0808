// Package cassandrastore is the store of the production size: Cinedex's truth in a keyspace of Apache Cassandra 5,
// shared by any number of processes. The package serves every service configured for a cluster. The package guarantees
// the contract of package store, over the loss of a minority of copies. No other package imports gocql.
//
// # Layout
//
//	table        partition                   rows, in their order            changed by
//	assets       shard of 32                 id                              compare-and-set
//	jobs         shard of 32                 id                              compare-and-set
//	runs         asset                       active runs, records of runs    compare-and-set
//	leases       name                                                        compare-and-set
//	extents      asset run                   part bucket                     writing again
//	annotations  asset run bucket            ordinal                         writing again
//	embeddings   asset run bucket            ordinal                         writing again
//	markers      asset run                   epoch part first                writing again
//	stretches    asset run                   first                           writing again
//	versions     name                        two counters                    adding
//	changes      ten minutes                 time asset                      writing once, kept for six hours
//	migrations   name                                                        compare-and-set
//
// Every partition's key begins with Config.Library. A bucket is 1,024 ordinals, so no partition grows with its run;
// extents lists the buckets of a run. A read asks for a single partition: an item, a bucket, the runs of an asset. Rows
// hold deterministic protobuf; a vector is bytes like the other fields.
//
// # Contract
//
// The order of writes never depends on clocks.
//
//   - A row that changes in place changes by compare-and-set (Paxos) on a revision. Each change draws a new revision.
//   - A row written by identity has the epoch of its execution in the high bits of its timestamp (see stamps). A later
//     execution's rows win, whichever arrives first, and a deletion covers nothing that is written afterwards. So
//     WriteBatches under a lower epoch than a row's changes nothing, where pebblestore would write the row. With both,
//     the caller asks CheckEpoch first.
//   - A write is acknowledged by a majority of copies, and a read asks a majority.
//   - Active, CheckEpoch, and every compare-and-set after a lost or unknown outcome read linearizably. Other reads see
//     every write acknowledged before the read began.
//
// Durability beyond the loss of a minority of copies depends on the servers' commitlog_sync. With periodic, the default
// of Cassandra, kill -9 of a lone node loses the writes of the last moment, leases and switches included
// (TestNodeRestarts saw the loss). A lone copy needs group or batch. Three copies on three machines need group or batch
// only against the loss of power of all three.
//
// Dump is as of a single moment only for rows without concurrent writes: a cluster has no snapshots. No other promise
// of the contract is missing, and storetest cannot see the difference.
//
// # Clocks
//
// Leases run out by Cassandra's clock. This process measures its own clock against Cassandra's at Open and at each
// Ready. Both return an error if the difference is above Config.MaxClockSkew. A clock that goes wrong between the
// measurements costs work: another holder takes a lease early, and the epoch refuses the first holder.
//
// # Faults
//
// A request is repeated on another node if a repetition is safe. A compare-and-set is not repeated: after an unknown
// outcome, the store reads the row. A slow read is sent to a second node as well (see hedged). A request that fails all
// the same is Unavailable, and the caller tries again. ADR 0031 has the findings about the driver.
//
// # Figures
//
// TestFigureWrites, client and node on two cores: 34,900 annotations a second in the indexer's batches, 1.06 of a bare loop of
// the driver's batches of fifty rows in the same run.
package cassandrastore
