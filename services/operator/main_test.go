package main

import (
	"testing"

	"github.com/cinedex/cinedex/config/configtest"
)

// What cannot work is refused by --check, with the full name of its key.
func TestConfiguration(t *testing.T) {
	configtest.Refuses(t, func() any { return program().Config() }, nil)
}
