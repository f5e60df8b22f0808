package main

import (
	"testing"

	"github.com/cinedex/cinedex/config/configtest"
)

// What cannot work is refused by --check, with the full name of its key.
func TestConfiguration(t *testing.T) {
	configtest.Refuses(t, func() any { return program().Config() }, map[string][]string{
		"store.engine": {"pebble", "nonsense", "", "1"}, // one process has a folder, and a service is one of several
	})
}
