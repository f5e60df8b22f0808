package events

// An Access lists all rights of a user of the cluster. The user gets no other right. The brokers' access control lists
// are made from Accesses (deploy/k8s), and a test checks the lists on a real Kafka.
type Access struct {
	// User is a service, or who else comes to the log.
	User string
	// Reads are the topics that the user consumes: Read, and DescribeConfigs to check the topics' retention.
	Reads []Topic
	// Writes are the topics that the user publishes to: Write, and DescribeConfigs to tell a missing topic from a
	// denied topic.
	Writes []Topic
	// Groups are prefixes of the names of the user's groups: Read.
	Groups []string
	// With Watches, the user reads the offsets of every group in every topic, without reading the topics: Describe.
	Watches bool
}

var accesses = []Access{
	{
		User:   "studio", // an upload system publishing to Kafka directly
		Writes: []Topic{MediaArrived},
	},
	{
		User: "ingestor", Groups: []string{"ingestor"},
		Reads:  []Topic{MediaArrived, MediaAccepted},
		Writes: []Topic{MediaAccepted, MediaReady, DeadLetters},
	},
	{
		User: "algo-runner", Groups: []string{"algo-runner", "planner"},
		Reads:  []Topic{MediaReady, RunsFinished, RunsRequested, RunsBatch, RunsBackfill, Algorithms},
		Writes: []Topic{RunsRequested, RunsFinished, Annotations, Embeddings, AnnotationsBackfill, EmbeddingsBackfill, Algorithms, DeadLetters},
	},
	{
		User:   "search-api", // follows the catalogue, and requests proxies
		Reads:  []Topic{Algorithms},
		Writes: []Topic{RunsBatch},
	},
	{
		User: "operator", Watches: true,
		Reads:  []Topic{Algorithms, MediaReady, RunsFinished, Annotations, Embeddings, DeadLetters},
		Writes: []Topic{RunsBatch, RunsBackfill, AnnotationsBackfill, EmbeddingsBackfill, Algorithms}, // calibrations
	},
	{
		// An indexer of the version before does operators' jobs as well, and may run beside an operator during an upgrade. Hence the rights to read
		// DeadLetters, and to write RunsBatch, AnnotationsBackfill and EmbeddingsBackfill.
		User: "indexer", Groups: []string{"indexer"},
		Reads:  []Topic{Algorithms, MediaReady, RunsFinished, Annotations, Embeddings, AnnotationsBackfill, EmbeddingsBackfill, DeadLetters},
		Writes: []Topic{RunsRequested, RunsBatch, RunsBackfill, AnnotationsBackfill, EmbeddingsBackfill, DeadLetters},
	},
}

// Accesses returns the rights of each user of the log. An operator makes topics and retries dead letters, so an
// operator may do everything and has no entry.
func Accesses() []Access { return append([]Access(nil), accesses...) }
