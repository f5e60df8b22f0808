package events

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Topic is a stream of events of a single type. The name in the log is Config.Prefix + the topic.
type Topic string

// The topics. The key of every message is the asset's id, which keeps the order per asset.
const (
	MediaArrived  Topic = "media.arrived"
	MediaAccepted Topic = "media.accepted"
	MediaReady    Topic = "media.ready"
	RunsRequested Topic = "runs.requested"
	RunsFinished  Topic = "runs.finished"
	Annotations   Topic = "annotations"
	Embeddings    Topic = "embeddings"
	DeadLetters   Topic = "dead-letters"

	// Algorithms is the catalogue. Its key is name@version.
	Algorithms Topic = "algorithms"

	// Requests of operators have topics of their own, so live work never queues behind these requests.
	RunsBatch           Topic = "runs.batch"
	RunsBackfill        Topic = "runs.backfill"
	AnnotationsBackfill Topic = "annotations.backfill"
	EmbeddingsBackfill  Topic = "embeddings.backfill"
)

// Content types of an event's data.
const (
	JSON     = "application/json"
	Protobuf = "application/protobuf"
)

// MaxBytes bounds the size of an event in the log: key, headers and data. Producers of batches split larger batches. A
// kilobyte below MaxBytes is a safe aim.
const MaxBytes = 4 << 20

// deadLetterRoom is the room for a dead letter beyond the message.
const deadLetterRoom = 64 << 10

// Forever is the retention of a topic from which nothing is ever removed by age.
const Forever time.Duration = -1

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// A Contract says which events a topic carries and how the log keeps the events. docs/asyncapi.yaml is generated from
// the contracts.
type Contract struct {
	Topic Topic
	// Type is the CloudEvents type of every event of the topic.
	Type string
	// Data is an empty message of the type of the events' data. Data is nil for dead letters, which keep any bytes.
	Data proto.Message
	// ContentType is the format written by the platform. Every reader takes both JSON and Protobuf.
	ContentType string
	// Strict refuses fields outside the schema, for events written by hand.
	Strict bool
	// Key says what the subject and the key are; empty means the asset's id.
	Key string
	// SubjectOptional is set where the asset is not yet known: the event's id is the key then.
	SubjectOptional bool
	// Compacted keeps the last event of each key for ever. An event without data removes its key.
	Compacted bool
	// Retention is how long the log keeps an event of a topic without compaction.
	Retention time.Duration
	// LeastRetention is the shortest allowed retention of a cluster. A hop that stood still must still find its events.
	LeastRetention time.Duration
	// Partitions is the recommended number of partitions, and so the greatest number of members of a group working at
	// the same time.
	Partitions int
	// EmbeddedPartitions is the same for the broker inside the process.
	EmbeddedPartitions int
	// Summary, From and To are for the reader of the published contracts.
	Summary  string
	From, To []string
}

var contracts = []Contract{
	{
		Topic: MediaArrived, Type: "cinedex.media.arrived.v1", Data: (*cinedexv1.MediaArrived)(nil), ContentType: JSON,
		Strict: true, SubjectOptional: true, Retention: 30 * day, LeastRetention: week, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "A studio's upload system says where arrived media lies. Also taken over HTTP. The subject may be left out, because the asset's id is not known yet. A writer of this topic may name any title for unknown media, and cannot move known media to another title.",
		From:    []string{"studio upload systems"}, To: []string{"ingestor"},
	},
	{
		Topic: MediaAccepted, Type: "cinedex.media.accepted.v1", Data: (*cinedexv1.MediaAccepted)(nil), ContentType: JSON,
		Strict: true, SubjectOptional: true, Retention: 30 * day, LeastRetention: week, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "An event that the ingestor took over HTTP, with the rights of the sender's token at the time. Only the ingestor may write this topic.",
		From:    []string{"ingestor"}, To: []string{"ingestor"},
	},
	{
		Topic: MediaReady, Type: "cinedex.media.ready.v1", Data: (*cinedexv1.MediaReady)(nil), ContentType: JSON,
		Compacted: true, Retention: Forever, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "A probed asset with its tracks. Compacted: the last event of each asset is the library, and an event without data removes the asset.",
		From:    []string{"ingestor"}, To: []string{"algo-runner (planner)", "indexer"},
	},
	{
		Topic: RunsRequested, Type: "cinedex.runs.requested.v1", Data: (*cinedexv1.RunsRequested)(nil), ContentType: JSON,
		Retention: 30 * day, LeastRetention: week, Partitions: 24, EmbeddedPartitions: 4,
		Summary: "Runs of algorithms over one asset, requested together so that the runs share one decoding.",
		From:    []string{"algo-runner (planner)"}, To: []string{"algo-runner (executor)"},
	},
	{
		Topic: RunsFinished, Type: "cinedex.runs.finished.v1", Data: (*cinedexv1.RunFinished)(nil), ContentType: JSON,
		Retention: 30 * day, LeastRetention: week, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "All output of a run is in the log, or the run failed.",
		From:    []string{"algo-runner"}, To: []string{"indexer", "algo-runner (planner)"},
	},
	{
		Topic: Annotations, Type: "cinedex.annotations.v1", Data: (*cinedexv1.AnnotationBatch)(nil), ContentType: Protobuf,
		Retention: week, LeastRetention: 3 * day, Partitions: 12, EmbeddedPartitions: 4,
		Summary: "Consecutive annotations of one run.",
		From:    []string{"algo-runner"}, To: []string{"indexer"},
	},
	{
		Topic: Embeddings, Type: "cinedex.embeddings.v1", Data: (*cinedexv1.EmbeddingBatch)(nil), ContentType: Protobuf,
		Retention: week, LeastRetention: 3 * day, Partitions: 12, EmbeddedPartitions: 4,
		Summary: "Consecutive embeddings of one run in one space.",
		From:    []string{"algo-runner"}, To: []string{"indexer"},
	},
	{
		Topic: RunsBatch, Type: "cinedex.runs.requested.v1", Data: (*cinedexv1.RunsRequested)(nil), ContentType: JSON,
		Retention: 30 * day, LeastRetention: week, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "Runs on demand, for a waiting caller: executed after live runs, and before backfill runs.",
		From:    []string{"indexer (batch jobs)"}, To: []string{"algo-runner (executor)"},
	},
	{
		Topic: RunsBackfill, Type: "cinedex.runs.requested.v1", Data: (*cinedexv1.RunsRequested)(nil), ContentType: JSON,
		Retention: 30 * day, LeastRetention: week, Partitions: 24, EmbeddedPartitions: 2,
		Summary: "Backfill runs over the existing library: executed when no live and no on-demand run waits.",
		From:    []string{"indexer (replay jobs)"}, To: []string{"algo-runner (executor)"},
	},
	{
		Topic: AnnotationsBackfill, Type: "cinedex.annotations.v1", Data: (*cinedexv1.AnnotationBatch)(nil), ContentType: Protobuf,
		Retention: week, LeastRetention: 3 * day, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "Consecutive annotations of one run of a backfill, or of a replay from the store or the log.",
		From:    []string{"algo-runner", "indexer (replay jobs)"}, To: []string{"indexer"},
	},
	{
		Topic: EmbeddingsBackfill, Type: "cinedex.embeddings.v1", Data: (*cinedexv1.EmbeddingBatch)(nil), ContentType: Protobuf,
		Retention: week, LeastRetention: 3 * day, Partitions: 12, EmbeddedPartitions: 2,
		Summary: "Consecutive embeddings of one run of a backfill, or of a replay from the store or the log.",
		From:    []string{"algo-runner", "indexer (replay jobs)"}, To: []string{"indexer"},
	},
	{
		Topic: Algorithms, Type: "cinedex.algorithm.announced.v1", Data: (*cinedexv1.AlgorithmAnnounced)(nil), ContentType: JSON,
		Key: "name@version of the algorithm", Compacted: true, Retention: Forever, Partitions: 1, EmbeddedPartitions: 1,
		Summary: "A version of an algorithm: what it reads and writes, and how its output is asked and shown. The subject is name@version. Compacted: the last event of each version is the catalogue, and an event without data withdraws the version.",
		From:    []string{"algo-runner"}, To: []string{"search-api", "indexer", "operator", "algo-runner"},
	},
	{
		Topic: DeadLetters, Type: "cinedex.dead-letter.v1", SubjectOptional: true,
		Retention: Forever, Partitions: 3, EmbeddedPartitions: 1,
		Summary: "Messages that a hop could not handle: unchanged value, key and headers, with the reason.",
		From:    []string{"every consumer"}, To: []string{"operators"},
	},
}

// Contracts returns the contract of every topic.
func Contracts() []Contract { return append([]Contract(nil), contracts...) }

// ContractOf returns the contract of a topic.
func ContractOf(t Topic) (Contract, bool) {
	for _, c := range contracts {
		if c.Topic == t {
			return c, true
		}
	}
	return Contract{}, false
}
