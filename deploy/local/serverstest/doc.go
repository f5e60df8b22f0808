// Package serverstest gives real servers to tests.
//
// A suite that leaves a server unchanged uses a running server, in a part of the server that no other test uses:
//
//	brokers := serverstest.Kafka(t)
//
// A test of faults starts servers of its own and may do anything to these servers. The servers end with the test:
//
//	c := serverstest.Start(t, servers.Config{Kafka: 3})
//	c.Kafka.Nodes[1].Kill()
//
// Without a running server, and where none can be started, the test skips and names the missing program. Under
// CINEDEX_REQUIRE_ALL=1 the test fails instead.
package serverstest
