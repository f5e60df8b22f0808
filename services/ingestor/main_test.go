package main

import (
	"testing"

	"github.com/cinedex/cinedex/config/configtest"
)

// --check refuses an unusable value and gives the full name of the key.
func TestConfiguration(t *testing.T) {
	configtest.Refuses(t, func() any { return program().Config() }, map[string][]string{
		"store.engine": {"pebble", "nonsense", "", "1"}, // a folder serves a single process, and several services share a store
	})
}
