package main

import (
	"testing"

	"github.com/cinedex/cinedex/config/configtest"
)

// --check refuses an unusable value and gives the full name of the key.
func TestConfigurationIsChecked(t *testing.T) {
	configtest.Refuses(t, func() any { cfg := defaultUp(t.TempDir()); return &cfg }, map[string][]string{"token_file": {""}})
}
