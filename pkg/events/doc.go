// Package events carries what happened between the services: CloudEvents 1.0 on
// Kafka's protocol. It is the only importer of kafka-go, and the one place that
// decides about acknowledging, batching, keys, committing, retrying and dead letters.
//
// # What it promises
//
//   - Publish returns nil only when all in-sync replicas have acknowledged every
//     event of the call. Events of one key keep the order in which they were
//     published. An error may mean that some of them are in the log all the same, so
//     callers publish again; identities are derived, which makes that harmless.
//   - Subscribe hands a batch of one partition, in order, to the handler. Only after
//     the handler has returned nil for it (or after it lies in the dead letters,
//     acknowledged) is its offset committed, and never one beyond an unfinished message.
//   - An error's kind (errkind) decides what follows: Unavailable and Exhausted are
//     retried for as long as it takes, Internal a bounded number of times, Conflict counts as
//     done by somebody else, and what is wrong for good goes to the dead letters at once.
//     A batch that fails so is narrowed by halves to the messages that do, so that their mates are handled.
//   - A dead letter keeps the value, the key and every header as they were, byte for
//     byte, and Retry puts exactly that back into the topic it came from.
//   - Memory is bounded on both sides: publishing blocks when too much is in flight, and
//     each partition fetches ahead only up to its share of a budget.
//   - Records of aborted transactions are no events: no reader sees them.
//   - What retention took away before it was read is told (log line and metric).
//
// # Why not kafka.Reader and kafka.Writer
//
// kafka-go's defaults acknowledge nothing (RequiredAcks is none), wait a second for a
// batch, bound their queues by count and not by bytes, and let a later commit skip an
// earlier failure. Its Reader with a group hands over one message at a time through one
// channel for all partitions, so a slow partition holds up the others.
//
// Reading therefore joins the group through kafka.ConsumerGroup, which gives the
// assignment of each generation and commits under that generation's id, so that the
// broker refuses a commit of a partition we no longer own; each partition then has its
// own fetching goroutine (kafka-go's fetch request, long polling, no session to stall) and its
// own handler. Rebalances are eager, as kafka-go's are: at the end of a generation work
// in flight gets a short grace to finish and commit, then its context is cancelled, is awaited, and
// the messages come again to whoever owns the partition next.
//
// Writing keeps one outbox per partition that sends whatever has gathered while the
// request before was on its way: no linger when idle, large batches under load, order kept.
//
// # Who uses it
//
// All services; events/broker is the embedded broker, and events/eventstest the suite that
// the embedded one and a real Kafka pass alike.
package events
