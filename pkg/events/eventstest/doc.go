// Package eventstest is the suite for package events over any broker. The embedded broker runs the suite in its tests,
// and a real Kafka passes the suite unchanged. A broker that passes keeps every promise of package events.
//
//	func TestMain(m *testing.M) { eventstest.Main(m) }
//	func TestSuite(t *testing.T) { eventstest.Run(t, eventstest.Harness{Brokers: addresses}) }
//
// The suite writes and reads foreign messages with franz-go, so no test trusts the client library of the package under
// test.
package eventstest
