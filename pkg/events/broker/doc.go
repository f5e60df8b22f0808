// Package broker runs a Kafka-protocol broker inside the process, with its data on
// disk: kfake, of the franz-go project. It is what `cinedex demo` and `cinedex up` use, so
// that one process needs no Java; production uses Apache Kafka.
//
// # What it guarantees
//
//   - An acknowledged event survives a kill -9, and the loss of power: the answer to its
//     producer leaves only after its record batch is synced (see sync.go). A group's offset is never
//     written before the records up to it are synced. Topics and their settings are kept as well. A torn tail is cut off
//     at the next start; anything else that is not as it was acknowledged is damage, and refused with a DamageError (check.go).
//   - One process at a time uses a folder; a second is refused.
//   - A process that is out of descriptors for a moment takes connections again afterwards. Connections are bounded: the
//     one that was idle the longest makes room.
//   - After a sync that failed nothing is acknowledged any more, and Serve returns: the process ends.
//   - Ready tells whether the last probe, a record published over a new connection every few seconds, was acknowledged.
//
// # Its limits
//
//   - One node, listening on loopback only, no replicas: it is as safe as its disk.
//   - All work but syncing goes through one goroutine.
//   - Readers may see an event some milliseconds before its producer has its acknowledgement; if
//     power fails in between, it is gone for those who come later. The producer publishes it again.
//   - After a clean stop it starts from a snapshot; after a crash it reads all of its log into memory to check it.
//   - kfake's own compaction deletes a partition's files before it writes them anew, and
//     kfake forgets the end of a partition that its retention emptied when the process is killed. Either would
//     lose data, so neither runs. A compacted topic keeps every event, and readers fold it to
//     the last of each key, which is the same to them. Of the other topics whole files are removed (trim.go), once every group
//     that reads them is done with them and their retention has passed or the partition is large; up to 128 MB of each partition stay.
package broker
