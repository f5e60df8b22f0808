// Package eventstest is the suite that holds the promises of package events, over
// whatever broker it is given: the embedded one runs it in its tests, and a real Kafka
// passes it unchanged.
//
//	func TestMain(m *testing.M) { eventstest.Main(m) }
//	func TestSuite(t *testing.T) { eventstest.Run(t, eventstest.Harness{Brokers: addresses}) }
//
// Messages from outside are written and read back with franz-go, so that no test trusts
// the client library that the package under test uses.
package eventstest
