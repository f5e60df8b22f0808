// Package storetest holds a store to every promise of package store. Each
// implementation runs it whole; what one does not keep it declares as an exception,
// by the name of the test and with the reason.
//
// It opens stores by name, so that a store is closed and opened again in the midst
// of things, and it tells the time, so that leases run out without waiting.
package storetest
