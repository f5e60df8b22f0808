package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// graph collects nodes and constants, and writes an ONNX model. The field numbers are from onnx.proto3, IR version 9, operator set 17. Only the
// needed messages are written, in a fixed order, so that equal graphs are equal bytes.
type graph struct {
	nodes     []byte // repeated NodeProto, framed as fields of GraphProto
	constants []byte // repeated TensorProto
	count     int
	integers  []value // the inputs of integers
}

// value names the output of a node, a constant, or an input of the graph.
type value string

const (
	irVersion    = 9
	operatorSet  = 17
	typeFloat    = 1 // TensorProto.DataType
	typeInt64    = 7
	typeHalf     = 10
	attrInt      = 2 // AttributeProto.AttributeType
	attrFloat    = 1
	attrString   = 3
	attrInts     = 7
	batchUnknown = -1 // a dimension chosen by the caller of the model
	// lengthUnknown is a second such dimension.
	lengthUnknown = -2
	// lengthBefore and lengthAfter are the lengths of what a model remembers, before and after a step.
	lengthBefore = -3
	lengthAfter  = -4
)

func (g *graph) name(prefix string) value {
	g.count++
	return value(fmt.Sprintf("%s%d", prefix, g.count))
}

// floats adds a constant. A nil shape makes a scalar.
func (g *graph) floats(t tensor) value { return g.named(g.name("k"), t) }

// named adds a constant that readers of the file find by name.
func (g *graph) named(name value, t tensor) value {
	raw := make([]byte, 0, 4*len(t.data))
	for _, v := range t.data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return g.constantNamed(name, typeFloat, t.shape, raw)
}

func (g *graph) scalar(v float32) value { return g.floats(tensor{data: []float32{v}}) }

// weights is floats, and keeps numbers of 16 bits in 16 bits. The runtime makes them float32 when the model is opened.
func (g *graph) weights(t tensor) value {
	if !t.half {
		return g.floats(t)
	}
	raw := make([]byte, 0, 2*len(t.data))
	for _, v := range t.data {
		raw = binary.LittleEndian.AppendUint16(raw, halfBits(v))
	}
	return g.op("Cast", []value{g.constant(typeHalf, t.shape, raw)}, attrs{"to": typeFloat})
}

// halfBits returns the bits of a number that has an exact form in 16 bits.
func halfBits(v float32) uint16 {
	b := math.Float32bits(v)
	sign, exponent, fraction := uint16(b>>16)&0x8000, int(b>>23&0xff)-127, b&0x7fffff
	switch {
	case b&0x7fffffff == 0:
		return sign
	case exponent == 128: // infinite, or no number
		return sign | 0x7c00 | uint16(fraction>>13)
	case exponent < -14: // without a leading 1
		return sign | uint16((fraction|0x800000)>>(13-14-exponent))
	}
	return sign | uint16(exponent+15)<<10 | uint16(fraction>>13)
}

func (g *graph) ints(shape []int, data []int64) value {
	raw := make([]byte, 0, 8*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return g.constant(typeInt64, shape, raw)
}

func (g *graph) constant(dataType uint64, shape []int, raw []byte) value {
	return g.constantNamed(g.name("k"), dataType, shape, raw)
}

func (g *graph) constantNamed(name value, dataType uint64, shape []int, raw []byte) value {
	var t []byte
	for _, d := range shape {
		t = varint(t, 1, uint64(d)) // dims
	}
	t = varint(t, 2, dataType)
	t = text(t, 8, string(name))
	t = text(t, 9, string(raw))
	g.constants = text(g.constants, 5, string(t)) // GraphProto.initializer
	return name
}

// attrs are a node's attributes: int, []int, float32 or string.
type attrs map[string]any

// op adds a node and returns the node's output.
func (g *graph) op(kind string, inputs []value, a attrs) value {
	out := g.name("v")
	g.node(kind, inputs, out, a)
	return out
}

func (g *graph) node(kind string, inputs []value, out value, a attrs) {
	var n []byte
	for _, in := range inputs {
		n = text(n, 1, string(in))
	}
	n = text(n, 2, string(out))
	n = text(n, 4, kind)
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n = text(n, 5, string(attribute(name, a[name])))
	}
	g.nodes = text(g.nodes, 1, string(n)) // GraphProto.node
}

func attribute(name string, v any) []byte {
	b := text(nil, 1, name)
	switch v := v.(type) {
	case float32:
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(v))
		return varint(b, 20, attrFloat)
	case int:
		return varint(varint(b, 3, uint64(v)), 20, attrInt)
	case string:
		return varint(text(b, 4, v), 20, attrString)
	case []int:
		for _, i := range v {
			b = varint(b, 8, uint64(i))
		}
		return varint(b, 20, attrInts)
	}
	panic(fmt.Sprintf("an attribute of type %T", v))
}

// port is an input or output of the whole graph.
type port struct {
	name  value
	shape []int
}

// encode ends the graph and returns the model.
func (g *graph) encode(name string, inputs, outputs []port) []byte {
	b := slices.Clone(g.nodes)
	b = text(b, 2, name)
	b = append(b, g.constants...)
	for _, p := range inputs {
		b = text(b, 11, string(g.valueInfo(p)))
	}
	for _, p := range outputs {
		b = text(b, 12, string(g.valueInfo(p)))
	}
	var m []byte
	m = varint(m, 1, irVersion)
	m = text(m, 2, "cinedex")
	m = text(m, 7, string(b))
	m = text(m, 8, string(varint(nil, 2, operatorSet))) // opset_import
	return m
}

func (g *graph) valueInfo(p port) []byte {
	var shape []byte
	for _, d := range p.shape {
		dim := varint(nil, 1, uint64(d))
		switch d {
		case batchUnknown:
			dim = text(nil, 2, "n")
		case lengthUnknown:
			dim = text(nil, 2, "length")
		case lengthBefore:
			dim = text(nil, 2, "before")
		case lengthAfter:
			dim = text(nil, 2, "after")
		}
		shape = text(shape, 1, string(dim))
	}
	element := uint64(typeFloat)
	if slices.Contains(g.integers, p.name) {
		element = typeInt64
	}
	tensorType := text(varint(nil, 1, element), 2, string(shape))
	return text(text(nil, 1, string(p.name)), 2, string(text(nil, 1, string(tensorType))))
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func text(b []byte, field protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// build reads a checkpoint, calls construct for the model, and writes the model. A tensor that the checkpoint lacks is an error of kind Invalid.
func build(checkpointPath, modelPath string, construct func(checkpoint) []byte) error {
	c, err := readCheckpoint(checkpointPath)
	if err != nil {
		return err
	}
	return buildFrom(c, checkpointPath, modelPath, construct)
}

// buildTFJS does the same with the weights of TensorFlow.js.
func buildTFJS(manifestPath, bytesPath, modelPath string, construct func(checkpoint) []byte) error {
	c, err := readTFJS(manifestPath, bytesPath)
	if err != nil {
		return err
	}
	return buildFrom(c, bytesPath, modelPath, construct)
}

func buildFrom(c checkpoint, source, modelPath string, construct func(checkpoint) []byte) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case missing:
			err = errkind.New(errkind.Invalid, "converting %s: the checkpoint contains no tensor %s", source, string(p))
		default:
			panic(p)
		}
	}()
	if err := os.WriteFile(modelPath, construct(c), 0o644); err != nil {
		return fmt.Errorf("writing a converted model: %w", err)
	}
	return nil
}
