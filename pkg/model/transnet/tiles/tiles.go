//go:build linux && amd64 && cgo

package tiles

// #cgo LDFLAGS: -lm
// #include "tiles.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

// Available reports whether this processor can compute a Network.
var Available = sync.OnceValue(func() bool { return C.tiles_available() != 0 })

// Network is the weights.
type Network struct{ c *C.network }

// New takes the weights of a model file. Invalid: the file lacks a tensor, or a tensor has another shape.
func New(tensors map[string]onnx.Tensor) (*Network, error) {
	c := C.tiles_network()
	if c == nil {
		return nil, errkind.New(errkind.Exhausted, "allocating the memory of TransNet V2")
	}
	n := &Network{c}
	if err := n.fill(tensors); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Close frees the weights.
func (n *Network) Close() error {
	C.tiles_network_free(n.c)
	n.c = nil
	return nil
}

func (n *Network) fill(tensors map[string]onnx.Tensor) error {
	w := weights{tensors: tensors}
	channels := []int{3, 64, 64, 128, 128, 256}
	for b := range C.BLOCKS {
		prefix := fmt.Sprintf("SDDCNN.%d.DDCNN.%d.", b/2, b%2)
		filters := 16 << (b / 2)
		spatial := w.spatial(prefix, channels[b], 2*filters)
		pack(spatial, tilesOf(n.c.spatial[b], spatial))
		temporal, bias := w.temporal(prefix, filters)
		pack(temporal, tilesOf(n.c.temporal[b], temporal))
		copy(floats(n.c.temporal[b].bias, len(bias)), bias)
		if w.err != nil {
			return w.err
		}
	}
	for _, l := range []struct {
		name            string
		inputs, outputs int
		to              C.layer
	}{
		{"frame_sim_layer.projection", C.MEANS, C.SIMILARITY, n.c.projection},
		{"frame_sim_layer.fc", C.LOOKUP, 128, n.c.alike},
		{"color_hist_layer.fc", C.LOOKUP, 128, n.c.colour},
		{"fc1", C.PARTS, C.HIDDEN, n.c.hidden},
	} {
		m, bias := w.linear(l.name, l.inputs, l.outputs)
		pack(m, tilesOf(l.to, m))
		copy(floats(l.to.bias, len(bias)), bias)
	}
	for name, to := range map[string]*C.float{"cls_layer1": n.c.single, "cls_layer2": n.c.many} {
		m, bias := w.linear(name, C.HIDDEN, 1)
		copy(floats(to, C.HIDDEN), m.data)
		copy(floats(to, C.HIDDEN+1)[C.HIDDEN:], bias)
	}
	return w.err
}

func tilesOf(l C.layer, m matrix) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(l.tiles)), m.packed())
}

func floats(p *C.float, n int) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(p)), n) }

// Lane is the memory of a computation, some 70 MB.
type Lane struct {
	network *Network
	c       *C.workspace
}

// NewLane allocates a Lane.
func (n *Network) NewLane() (*Lane, error) {
	c := C.tiles_workspace()
	if c == nil {
		return nil, errkind.New(errkind.Exhausted, "allocating the memory of a window of TransNet V2")
	}
	return &Lane{n, c}, nil
}

// Close frees the memory.
func (l *Lane) Close() error {
	C.tiles_workspace_free(l.c)
	l.c = nil
	return nil
}

// Judge computes the two probabilities of the frames between the margins of a window. frames has the 200 frames of a window in RGB, histograms
// has their histograms. The computation cannot be cancelled.
func (l *Lane) Judge(frames []byte, histograms, single, many []float32) {
	const kept = C.WINDOW - 2*C.MARGIN
	if len(frames) != C.WINDOW*C.WIDTH*C.HEIGHT*3 || len(histograms) != C.WINDOW*C.HISTOGRAM || len(single) != kept || len(many) != kept {
		panic("tiles: a window of the wrong size")
	}
	C.tiles_window(l.network.c, l.c, (*C.uint8_t)(&frames[0]), (*C.float)(&histograms[0]), (*C.float)(&single[0]), (*C.float)(&many[0]))
}
