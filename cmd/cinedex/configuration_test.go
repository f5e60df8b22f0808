package main

import (
	"testing"

	"github.com/cinedex/cinedex/config/configtest"
)

// What cannot work is refused by --check, with the full name of its key.
func TestConfigurationIsChecked(t *testing.T) {
	configtest.Refuses(t, func() any { cfg := defaultUp(t.TempDir()); return &cfg }, map[string][]string{"token_file": {""}})
}
