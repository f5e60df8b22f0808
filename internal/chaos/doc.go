// Package chaos tests the services under faults, over a real log, a real store, a real engine, processes and servers.
// The package is for tests alone. The tests check three properties. A worker with a lost lease changes nothing. Poison
// messages harm no other message. Readers see the fold of the log after servers and services were killed, paused and
// cut off.
//
// Tests that start servers are named TestChaos…, and make chaos runs these tests.
package chaos
