package events

// A Hop is a consumer group and the topics read by the group. Subscriptions, lags and dead letters are named after the
// hop.
type Hop struct {
	Group  string
	Topics []Topic
}

// The hops of the flow, followed by the hops of the operators' lanes.
var (
	HopIngestor       = Hop{"ingestor", []Topic{MediaArrived, MediaAccepted}}
	HopPlanner        = Hop{"planner", []Topic{MediaReady, RunsFinished}}
	HopRunner         = Hop{"algo-runner", []Topic{RunsRequested}}
	HopRunnerBatch    = Hop{"algo-runner-batch", []Topic{RunsBatch}}
	HopRunnerBackfill = Hop{"algo-runner-backfill", []Topic{RunsBackfill}}
	// HopWorkers reads the same requests as the three hops before, for the runs that workers execute.
	HopWorkers         = Hop{"algo-runner-workers", []Topic{RunsRequested, RunsBatch, RunsBackfill}}
	HopIndexer         = Hop{"indexer", []Topic{MediaReady, Annotations, Embeddings, RunsFinished}}
	HopIndexerBackfill = Hop{"indexer-backfill", []Topic{AnnotationsBackfill, EmbeddingsBackfill}}
)

// Hops returns all hops in the order of the flow.
func Hops() []Hop {
	return []Hop{HopIngestor, HopPlanner, HopRunner, HopRunnerBatch, HopRunnerBackfill, HopWorkers, HopIndexer, HopIndexerBackfill}
}
