// Package pebblestore is the store of the embedded size: all of Cinedex's truth in
// one folder, held by one process. It is the only importer of Pebble.
//
// # Layout
//
//	key                            value
//	A asset                        Asset
//	R asset run                    Run
//	a asset run ordinal            Annotation
//	e asset run ordinal            Embedding
//	m asset run epoch part first   count of a marker
//	s asset run first              stretch of annotations (see store.Stretch)
//	V asset algorithm              ActiveRun
//	L name                         lease: epoch, end, holder
//	v                              Version
//	c version                      asset that changed with the version
//	C                              identity of the log of changes
//
// Texts in keys end with 00 01, a 00 within one being written 00 FF; numbers are eight
// bytes, big endian. So keys are in the order of what they name, no text can be
// mistaken for the beginning of another, and what a run wrote is one range each of a, e, m and s,
// deleted as such. Values are deterministic protobuf: equal rows are equal bytes.
//
// # What holds
//
// Every write is synced before it returns; those that wait at the same time share
// the sync (group commit). What is read and then written, by compare-and-set or unless it is there, is one at a time
// for one asset or one lease, which is enough because one process has the folder. A second one is refused
// with a Conflict that says what to do. A reader may see a write a moment before it is durable.
//
// # Disks that fail
//
// Writes are Exhausted while the disk has less free than the reserve, and reading goes on;
// with room made, so does writing. Where others fill the disk to the last byte, Pebble's writes wait
// for room (see disk.go). Where the log cannot be written for another reason, nothing can be promised
// of writes any more: they are Unavailable until the store is opened again, and reading goes on. A manifest that
// cannot be written ends the process, as Pebble demands.
//
// # Damage
//
// Open looks through Pebble's log and manifest, since Pebble takes damage there for a torn end, and holds a store that was closed
// against its seal, the file CLOSED. Damage is an error that names the file and the offset. A damaged block of a table fails
// the reads that meet it, and Ready names the table from then on. Salvage makes a store of what can be read of a damaged one.
// A record at the end of the log that is bad after a crash is cut off and told: the log of events has what it said.
//
// # Figures
//
// BenchmarkWriteBatches on two busy cores: 221,000 durable annotations a second from one writer in batches of 250,
// 433,000 in batches of 1,000, 517,000 in batches of 5,000, which is 0.85, 0.89 and 0.74 of a bare
// Pebble that is given the rows encoded. BenchmarkActivate: a switch takes 1 ms, nearly all of it the sync.
// BenchmarkSpan: ten seconds of a run of 1,000 rows are read in 0.25 ms, of 200,000 in 55 ms. BenchmarkOpen:
// an empty store opens in 8 ms, one with 20 MB in its log in 27 ms.
package pebblestore
