// Command ingestor takes the news that media arrived, over HTTP and from Kafka, and makes assets of it.
package main

import (
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // the bucket may be one of S3's protocol
	"github.com/cinedex/cinedex/pkg/platform"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

func program() platform.Program {
	return platform.Program{Part: &ingest.Part{Config: ingest.Default()}, Links: platform.Links{Stores: stores.Drivers()}}
}

func main() { program().Main() }
