package events

// An Access is what one user of the cluster needs of the log, and all that it should be given. The brokers'
// access control lists are made from these (deploy/k8s), and a test holds them on a real Kafka.
type Access struct {
	// User is a service, or who else comes to the log.
	User string
	// Reads are the topics that it consumes: Read and DescribeConfigs, to see that they keep what is unread.
	Reads []Topic
	// Writes are the topics that it publishes to: Write and DescribeConfigs, to tell a topic that is missing from one that is denied.
	Writes []Topic
	// Groups are what the names of its groups begin with: Read.
	Groups []string
}

var accesses = []Access{
	{
		User:   "studio", // an upload system that publishes to Kafka itself
		Writes: []Topic{MediaArrived},
	},
	{
		User: "ingestor", Groups: []string{"ingestor"},
		Reads:  []Topic{MediaArrived, MediaAccepted},
		Writes: []Topic{MediaAccepted, MediaReady, DeadLetters},
	},
	{
		User: "algo-runner", Groups: []string{"algo-runner", "planner"},
		Reads:  []Topic{MediaReady, RunsFinished, RunsRequested, RunsBatch, RunsBackfill},
		Writes: []Topic{RunsRequested, RunsFinished, Annotations, Embeddings, AnnotationsBackfill, EmbeddingsBackfill, DeadLetters},
	},
	{
		User: "indexer", Groups: []string{"indexer"},
		Reads:  []Topic{MediaReady, RunsFinished, Annotations, Embeddings, AnnotationsBackfill, EmbeddingsBackfill, DeadLetters},
		Writes: []Topic{RunsRequested, RunsBatch, RunsBackfill, AnnotationsBackfill, EmbeddingsBackfill, DeadLetters},
	},
}

// Accesses returns what each user of the log needs. An operator, who makes topics and retries dead letters, may do all.
func Accesses() []Access { return append([]Access(nil), accesses...) }
