// Package serverstest gives tests real servers.
//
// A suite that leaves a server as it was uses one that runs already, in a corner of its own:
//
//	brokers := serverstest.Kafka(t)
//
// A test of faults starts its own, and does to them what it likes; they end with the test:
//
//	c := serverstest.Start(t, servers.Config{Kafka: 3})
//	c.Kafka.Nodes[1].Kill()
//
// Where there is none and none can be started, the test skips and says what it lacks; under CINEDEX_REQUIRE_ALL=1 it fails.
package serverstest
