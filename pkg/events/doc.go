// Package events carries CloudEvents 1.0 between the services over Kafka's protocol. All services publish and subscribe
// through a Client. An acknowledged event is never lost, events with the same key keep their order, and every event is
// handled at least once or lies in the dead letters.
//
// Package events is the only importer of kafka-go, and decides about acknowledging, batching, keys, committing,
// retrying and dead letters. events/broker is the embedded broker. events/eventstest is the suite that the embedded
// broker and a real Kafka pass.
//
// # Contract
//
//   - Publish returns nil after all in-sync replicas have acknowledged every event of the call. The key of an event is
//     the subject of the event. Events with the same key keep the order of publishing. After an error, some events of
//     the call may be in the log: see Client.Publish. Identities are derived from the data, so a repeated event is
//     harmless.
//   - Subscribe hands the handler batches of a single partition, in order. Subscribe commits the offset of a batch
//     after the handler has returned nil, or after the dead letters have acknowledged the batch. Subscribe never
//     commits an offset beyond an unfinished message.
//   - The kind of a handler's error (errkind) decides the next step. After Unavailable, Exhausted and Cancelled, the
//     handler is called with the same batch after a pause, without limit. After any other kind, a batch of several
//     events is halved, and the handler is called for each half, down to single events.
//   - For a single event the kind decides as follows. Conflict: another worker has done the work, and the event counts as
//     done. Internal, and a panic: the event is retried up to Subscription.Attempts times, and then goes to the dead
//     letters. Invalid, NotFound, Denied and Unauthenticated: the event goes to the dead letters at once.
//   - An undecodable message goes to the dead letters, and never reaches the handler.
//   - A dead letter keeps value, key and every header of the message, byte for byte. Retry puts the same bytes back
//     into the topic of the message.
//   - Memory is bounded on both sides. Publishing blocks while too many bytes are in flight. Each partition fetches
//     ahead up to its share of a budget.
//   - No reader sees records of aborted transactions.
//   - If retention removes events before a subscription reads the events, a log line and a metric say so.
//
// # Why kafka.Reader and kafka.Writer are not used
//
// By default kafka-go acknowledges nothing (RequiredAcks is none), waits a second for a batch, bounds queues by count
// and not by bytes, and lets a later commit skip an earlier failure. A kafka.Reader with a group delivers single
// messages through a common channel for all partitions, so a slow partition delays the others.
//
// Reading joins the group through kafka.ConsumerGroup. ConsumerGroup gives the assignment of each generation and
// commits under the id of the generation, so the broker refuses a commit for a partition that another member owns by
// now. Each partition has its own fetching goroutine (kafka-go's fetch request with long polling) and its own handler.
// Rebalances are eager, as in kafka-go. At the end of a generation, work in flight gets a short grace to finish and
// commit. The context of the work is then cancelled, the subscription waits for the work, and the next owner of the
// partition gets the messages.
//
// Writing keeps an outbox per partition. An outbox sends all events gathered during the previous request. An idle
// outbox does not wait, a busy outbox sends large batches, and the order is kept.
package events
