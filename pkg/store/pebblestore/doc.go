// Package pebblestore is the store of the embedded size: all of Cinedex's truth in a folder, held by a single process.
// The package serves cinedex up and every service configured for a single machine. The package guarantees the contract
// of package store, durably over kill -9. No other package imports Pebble.
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
// A text in a key ends with 00 01, and a 00 within a text is written 00 FF. A number is eight bytes, big endian. So keys are in the order
// of assets, runs and ordinals, and no text can be mistaken for the beginning of another text. The items of a run are one range each of
// a, e, m and s, and are deleted as ranges. Values are deterministic protobuf: equal rows are equal bytes.
//
// # Contract
//
//   - Every write is synced before the call returns. Concurrent writes share the sync (group commit).
//   - A call that reads before it writes holds a lock on its asset or lease. Locks within the process are enough,
//     because the folder has a single process. A second process is refused with a Conflict, and the error says how to
//     continue.
//   - Edits that change the library enter Pebble's log in the order of their versions, and share the sync. Version grows after the sync.
//   - A reader MAY see a write a moment before the write is durable.
//
// # Disks that fail
//
// Writes are Exhausted while the disk has less free than the reserve. Reading continues. Writing continues once the
// disk has room. If other programs fill the disk to the last byte, Pebble's writes wait for room (see disk.go). If
// Pebble's log cannot be written for another reason, writes are Unavailable until the store is opened again, and
// reading continues. A manifest that cannot be written ends the process, as Pebble demands.
//
// # Damage
//
// Open inspects Pebble's log and manifest, because Pebble takes damage there for a torn end. Open compares a closed store with its seal,
// the file CLOSED. Damage is an error with the file and the offset. A damaged block of a table fails the reads of the block, and Ready
// names the table from then on. Salvage copies the readable rows of a damaged store into a new store. A bad record at the end of the log
// after a crash is cut off, and a warning names the record: the log of events has the same content.
//
// # Figures
//
// BenchmarkWriteBatches on two busy cores: 221,000 durable annotations a second from one writer in batches of 250,
// 433,000 in batches of 1,000, 517,000 in batches of 5,000. These are 0.85, 0.89 and 0.74 of a bare
// Pebble with rows already encoded, before stretches. Stretches cost a few percent. BenchmarkActivate: a switch takes 1 ms, nearly all for the sync.
// BenchmarkSpan: ten seconds of a run of 1,000 rows are read in 0.25 ms, of 200,000 in 55 ms. BenchmarkOpen:
// an empty store opens in 8 ms, a store with 20 MB in its log in 27 ms.
package pebblestore
