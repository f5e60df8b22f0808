// Package broker runs a Kafka-protocol broker inside the process, with its data on
// disk: kfake, of the franz-go project. It is what `cinedex demo` and `cinedex up` use, so
// that one process needs no Java; production uses Apache Kafka.
//
// # What it guarantees
//
//   - An acknowledged event survives a kill -9, and the loss of power: the answer to its
//     producer leaves only after its record batch is synced (see sync.go). A group's offset is never
//     written before the records up to it are synced. Topics and their settings are kept as well. A torn tail is cut off at the next start.
//   - One process at a time uses a folder; a second is refused.
//
// # Its limits
//
//   - One node, listening on loopback only, no replicas: it is as safe as its disk.
//   - All work but syncing goes through one goroutine.
//   - Readers may see an event some milliseconds before its producer has its acknowledgement; if
//     power fails in between, it is gone for those who come later. The producer publishes it again.
//   - After a clean stop it starts from a snapshot; after a crash it reads all of its log into memory to check it.
//   - kfake compacts in place by deleting a partition's files before writing them anew, and
//     forgets the end of a partition that retention emptied when the process is killed. Both would
//     lose data, so neither runs here: no timer compacts or removes anything while the broker is open. The log
//     grows with what is published: some hundred bytes per annotation, two kilobytes per 512-d embedding.
//     Readers see the same: a snapshot of a compacted topic is the last event of each key either way.
package broker
