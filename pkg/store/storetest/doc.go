// Package storetest checks a store against every promise of package store. Each implementation runs the whole suite. An
// implementation that breaks a promise declares an exception, by the name of the test and with the reason. A store that
// passes can replace every other store.
//
// The suite opens stores by name, so the suite can close a store and open the same store again. The suite also sets the clock, so leases
// run out without waiting.
package storetest
