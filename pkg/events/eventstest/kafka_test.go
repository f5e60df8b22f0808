package eventstest_test

import (
	"testing"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/eventstest"
)

func TestMain(m *testing.M) { eventstest.Main(m) }

// A real Kafka passes the suite.
func TestKafka(t *testing.T) {
	eventstest.Run(t, eventstest.Harness{
		Brokers: serverstest.Kafka(t), Layout: events.Layout{Replication: 1, Embedded: true},
		Lacks: map[string]string{
			"BrokerCrash":       "it is shared with other tests; TestChaosKafka crashes brokers of its own",
			"CutOffTransaction": "it is shared with other tests; TestChaosKafka crashes brokers of its own",
		},
	})
}

// Three brokers pass the whole suite, also while a broker is killed and comes back.
func TestChaosKafka(t *testing.T) {
	serverstest.Chaos(t)
	c := serverstest.Start(t, servers.Config{Kafka: 3})
	crashes := 0
	eventstest.Run(t, eventstest.Harness{
		Brokers: c.Kafka.Brokers(), Layout: events.Layout{Replication: 3, Embedded: true},
		Crash: func(t *testing.T) {
			crashes++
			if err := c.Kafka.Nodes[crashes%3].Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	})
}
