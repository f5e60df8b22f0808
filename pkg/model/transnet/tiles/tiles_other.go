//go:build !(linux && amd64 && cgo)

package tiles

import (
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

// Available reports whether this processor can compute a Network.
func Available() bool { return false }

// Network is not available on this system.
type Network struct{}

// New is an error of kind Unavailable.
func New(map[string]onnx.Tensor) (*Network, error) {
	return nil, errkind.New(errkind.Unavailable, "this system has no tiles")
}

// Close does nothing.
func (*Network) Close() error { return nil }

// Lane is not available on this system.
type Lane struct{}

// NewLane is an error of kind Unavailable.
func (*Network) NewLane() (*Lane, error) {
	return nil, errkind.New(errkind.Unavailable, "this system has no tiles")
}

// Close does nothing.
func (*Lane) Close() error { return nil }

// Judge panics.
func (*Lane) Judge([]byte, []float32, []float32, []float32) { panic("tiles: this system has no tiles") }
