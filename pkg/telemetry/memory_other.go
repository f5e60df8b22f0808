//go:build !linux

package telemetry

import "github.com/cinedex/cinedex/pkg/errkind"

func mappedMemory() ([]mapping, error) {
	return nil, errkind.New(errkind.Unavailable, "this system does not tell the resident memory of a process by its mappings")
}

func startedMemory(int) []ProcessMemory { return nil }
