// Package broker runs a Kafka-protocol broker inside the process, with its data on disk: kfake, of the franz-go
// project. `cinedex demo` and `cinedex up` use the broker, so a single process needs no Java; production uses Apache
// Kafka. An acknowledged event survives the end of the process and the loss of power.
//
// # Contract
//
//   - The answer to a producer leaves after its record batch is synced (sync.go). A group's offset is written after the
//     records before the offset are synced. Topics and their settings are kept as well.
//   - The next start cuts off a torn tail. Every other deviation from the acknowledged records is damage, and Open
//     refuses damage with a DamageError (check.go).
//   - A single process at a time uses a folder. Open refuses a second process.
//   - A process out of descriptors for a moment takes connections again afterwards. The number of connections is
//     bounded: the longest idle connection is closed to make room.
//   - After a failed sync the broker acknowledges nothing, and Serve returns an error. The process MUST then end.
//   - Ready returns the result of the last probe: a record published over a new connection every few seconds.
//
// # Limits
//
//   - A single node, listening on loopback only, without replicas. The log is as safe as the disk.
//   - A single goroutine does all work except syncing.
//   - Readers may see an event some milliseconds before the producer gets the acknowledgement. If power fails in
//     between, the event is gone for later readers, and the producer publishes the event again.
//   - After a clean stop the broker starts from a snapshot. After a crash the broker reads the whole log into memory to
//     check the log.
//   - kfake's compaction deletes a partition's files before writing the files anew. After a kill, kfake also forgets
//     the end of a partition that its retention emptied. Either would lose data, so neither runs. A compacted topic
//     keeps every event, and readers fold the events to the last of each key, with the same result. From other topics
//     whole files are removed (trim.go), after every reading group is done with the files and either the retention has
//     passed or the partition is large. Up to 128 MB of each partition stay.
package broker
