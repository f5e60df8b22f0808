package eventstest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/eventstest"
)

func TestMain(m *testing.M) { eventstest.Main(m) }

// A real Kafka passes the suite unchanged.
func TestKafka(t *testing.T) {
	brokers := os.Getenv("CINEDEX_TEST_KAFKA")
	if brokers == "" {
		t.Skip("lacks a Kafka: CINEDEX_TEST_KAFKA names no host:port")
	}
	eventstest.Run(t, eventstest.Harness{Brokers: strings.Split(brokers, ","), Layout: events.Layout{Replication: 1, Embedded: true}})
}
