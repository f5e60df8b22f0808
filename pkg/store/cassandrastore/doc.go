// Package cassandrastore is the store of the production size: Cinedex's truth in a
// keyspace of Apache Cassandra 5, shared by any number of processes. It is the only importer of gocql.
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
// Every partition's key begins with Config.Library. A bucket is 1,024 ordinals, so no partition grows with its run; extents
// say which buckets there are. What is read together is one partition: an item, a bucket, the runs of an asset.
// Rows hold deterministic protobuf, a vector being bytes like the rest.
//
// # What holds
//
// Nothing is decided by whose clock is ahead. What changes in place changes by compare-and-set (Paxos) on a revision
// that is drawn with each change; what is written by identity has the epoch of its execution in the high bits of
// its timestamp (see stamps), so that a later execution's rows stand whichever arrives first, and what is deleted stays
// apart from what is written afterwards. WriteBatches under a lower epoch than a row's therefore changes nothing, where pebblestore
// would write it: both leave it to the caller to ask CheckEpoch first.
//
// A write that returned nil is acknowledged by a majority of its copies, and reads ask a majority. What that survives beyond the loss
// of a minority is the servers' commitlog_sync: with periodic, as Cassandra ships, kill -9 of a lone node takes what it
// acknowledged in the last moment with it, leases and switches included (TestNodeRestarts saw it), so one copy needs group or batch;
// three copies on three machines need it only against the loss of power of all. Active, CheckEpoch and every compare-and-set that was
// lost or not told of read linearizably; the other reads see all that was acknowledged before they began.
//
// Dump is as of one moment for what nobody writes to meanwhile: a cluster has no snapshots. This is the one difference
// to the contract, and none that storetest can see.
//
// # Clocks
//
// Leases run out by Cassandra's clock, which this process measures against its own at Open and at each Ready. Where the two
// differ by more than Config.MaxClockSkew, both are refused. A clock that goes wrong all the same costs
// work, since a lease is then taken early: whoever lost it is refused by its epoch.
//
// # Faults
//
// A request is repeated on another node only where that is safe, which all but compare-and-sets are; those whose outcome was not told are read
// back. Reads that take long are asked of a second node (see hedged). What fails all the same is Unavailable, and
// the hop that asked tries again. ADR 0031 has what was found out about the driver.
//
// # Figures
//
// TestFigureWrites, client and node on two cores: 34,900 annotations a second in the indexer's batches, 1.06 of a bare loop of
// the driver's batches of fifty rows in the same run.
package cassandrastore
