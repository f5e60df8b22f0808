// Command ingestor takes the news that media arrived, over HTTP and from Kafka, and makes assets of it.
package main

import (
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

func program() platform.Program {
	return platform.Program{Part: &ingest.Part{Config: ingest.Default()}}
}

func main() { program().Main() }
