// Command ingestor makes assets of the events of arrived media, from HTTP and from Kafka.
package main

import (
	_ "github.com/cinedex/cinedex/pkg/blob/clouds" // the bucket may be reached by S3's protocol
	"github.com/cinedex/cinedex/pkg/platform"
	stores "github.com/cinedex/cinedex/pkg/store/stores/shared"
	"github.com/cinedex/cinedex/services/ingestor/ingest"
)

func program() platform.Program {
	return platform.Program{Part: &ingest.Part{Config: ingest.Default()}, Links: platform.Links{Stores: stores.Drivers()}}
}

func main() { program().Main() }
