package convert

import (
	"archive/zip"
	"fmt"
	"io"
	"os"

	"github.com/nlpodyssey/gopickle/pytorch"
	"github.com/nlpodyssey/gopickle/types"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// tensor is a dense array in row-major order.
type tensor struct {
	shape []int
	data  []float32
	// half says that every number is a number of 16 bits.
	half bool
}

func (t tensor) size() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// transposed returns the transpose of a matrix.
func (t tensor) transposed() tensor {
	rows, cols := t.shape[0], t.shape[1]
	out := tensor{shape: []int{cols, rows}, data: make([]float32, len(t.data)), half: t.half}
	for r := range rows {
		for c := range cols {
			out.data[c*rows+r] = t.data[r*cols+c]
		}
	}
	return out
}

// checkpoint is the float tensors of a PyTorch state dictionary.
type checkpoint map[string]tensor

// readCheckpoint reads PyTorch's file formats: both formats of a state dictionary, and a TorchScript archive. The library panics on some files that are not checkpoints. The digest was checked before, but
// even so a panic must not end the process.
func readCheckpoint(path string) (c checkpoint, err error) {
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, errkind.New(errkind.Invalid, "reading checkpoint %s: %v", path, p)
		}
	}()
	if z, zerr := zip.OpenReader(path); zerr == nil {
		defer z.Close()
		if isScript(&z.Reader) {
			if c, err = readScript(&z.Reader); err != nil {
				return nil, errkind.New(errkind.Invalid, "reading checkpoint %s: %w", path, err)
			}
			return c, nil
		}
	}
	if err := checkStart(path); err != nil {
		return nil, err
	}
	loaded, err := pytorch.Load(path)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading checkpoint %s: %w", path, err)
	}
	c = checkpoint{}
	add := func(key, value any) error {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("a key is not a string: %v", key)
		}
		t, ok := value.(*pytorch.Tensor)
		if !ok {
			return fmt.Errorf("%s is not a tensor but %T", name, value)
		}
		dense, ok, err := floatTensor(t)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if ok {
			c[name] = dense
		}
		return nil
	}
	switch dict := modelOf(loaded).(type) {
	case *types.OrderedDict:
		for _, entry := range dict.Map {
			if err := add(entry.Key, entry.Value); err != nil {
				return nil, errkind.New(errkind.Invalid, "reading checkpoint %s: %w", path, err)
			}
		}
	case *types.Dict:
		for _, entry := range *dict {
			if err := add(entry.Key, entry.Value); err != nil {
				return nil, errkind.New(errkind.Invalid, "reading checkpoint %s: %w", path, err)
			}
		}
	default:
		return nil, errkind.New(errkind.Invalid, "reading checkpoint %s: the file contains a %T instead of a dictionary", path, loaded)
	}
	return c, nil
}

// modelOf returns the model of a file that a training saved with the state of its optimiser.
func modelOf(loaded any) any {
	if dict, ok := loaded.(*types.Dict); ok {
		if m, ok := dict.Get("model_state"); ok {
			return m
		}
	}
	return loaded
}

// checkStart refuses a file that begins neither as a zip nor as a pickle: the library takes other files for archives.
func checkStart(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading a checkpoint: %w", err)
	}
	defer f.Close()
	start := make([]byte, 2)
	if _, err := io.ReadFull(f, start); err != nil || string(start) != "PK" && start[0] != 0x80 {
		return errkind.New(errkind.Invalid, "reading checkpoint %s: the file is no checkpoint of PyTorch", path)
	}
	return nil
}

// floatTensor returns the numbers of a tensor. ok is false for a tensor of integers: counters of batches, of no use after training.
func floatTensor(t *pytorch.Tensor) (_ tensor, ok bool, err error) {
	var out tensor
	switch source := t.Source.(type) {
	case *pytorch.FloatStorage:
		out, err = dense(source.Data, t)
	case *pytorch.HalfStorage:
		out, err = dense(source.Data, t)
		out.half = true
	default:
		return tensor{}, false, nil
	}
	return out, err == nil, err
}

// dense copies a strided view of a storage into row-major order.
func dense(storage []float32, t *pytorch.Tensor) (tensor, error) {
	out := tensor{shape: t.Size}
	out.data = make([]float32, out.size())
	at := make([]int, len(t.Size))
	for i := range out.data {
		offset := t.StorageOffset
		for d, x := range at {
			offset += x * t.Stride[d]
		}
		if offset < 0 || offset >= len(storage) {
			return tensor{}, fmt.Errorf("the view %v of stride %v exceeds its storage", t.Size, t.Stride)
		}
		out.data[i] = storage[offset]
		for d := len(at) - 1; d >= 0; d-- {
			if at[d]++; at[d] < t.Size[d] {
				break
			}
			at[d] = 0
		}
	}
	return out, nil
}

// missing is the panic value of get. build turns the panic into an error.
type missing string

// get returns the named tensor. Only code under build may call get.
func (c checkpoint) get(name string) tensor {
	t, ok := c[name]
	if !ok {
		panic(missing(name))
	}
	return t
}
