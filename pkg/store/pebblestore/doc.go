// Package pebblestore is the store of the embedded size: all of Cinedex's truth in
// one folder, held by one process. It is the only importer of Pebble.
//
// # Layout
//
// Keys are a table's letter and components, each text preceded by its length, so that
// no component can be mistaken for another and every run is one range of keys:
//
//	A asset                        → Asset
//	R asset run                    → Run
//	a asset run ordinal            → Annotation
//	e asset run ordinal            → Embedding
//	m asset run epoch part first   → count of a marker
//	V asset algorithm              → ActiveRun
//	L name                         → lease: epoch, holder, until
//
// Values are deterministic protobuf, so equal rows are equal bytes.
//
// # What holds
//
// Every write is synced before it returns; concurrent ones share the sync (group commit). Compare-and-set
// runs under one lock per process, which is enough because Pebble's own lock lets in one process.
// Before each write the free space of the disk is checked against a reserve, since Pebble ends the process when its log
// cannot be written: a full disk is an error of kind Exhausted, and reading goes on.
package pebblestore
