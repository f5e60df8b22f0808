package convert

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The detector of things: CenterNet over MobileNetV3, as published for TensorFlow.js with the graph.
const (
	thingsSquare  = 512
	thingsCells   = 128
	thingsClasses = 80
	thingsSides   = 4 // left, top, right and bottom of a box, from the middle of a cell
)

// CenterNet writes the detector of things as ONNX. The choice of the best boxes is left to the reader of the outputs.
//
//	x      [1,3,512,512]   float32, RGB planes 0..255
//	heat   [1,80,128,128]  the probability that a thing of a class has its middle in a cell
//	sides  [1,4,128,128]   the distances of the sides of the thing's box from the cell, in points of the square
func CenterNet(modelPath, bytesPath, dst string) error {
	text, err := os.ReadFile(modelPath)
	if err != nil {
		return fmt.Errorf("reading a model: %w", err)
	}
	var m struct {
		Topology struct {
			Node []tfjsNode `json:"node"`
		} `json:"modelTopology"`
		Weights []tfjsGroup `json:"weightsManifest"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return errkind.New(errkind.Invalid, "reading the model %s: %w", modelPath, err)
	}
	c, err := readGroups(m.Weights, modelPath, bytesPath)
	if err != nil {
		return err
	}
	t := &translation{nodes: map[string]tfjsNode{}, done: map[string]value{"tower_0/images": "x"}, c: c}
	for _, n := range m.Topology.Node {
		t.nodes[n.Name] = n
	}
	return buildFrom(c, bytesPath, dst, func(checkpoint) []byte {
		t.node("Identity", []value{t.value("tower_0/keypoints")}, "heat", nil)
		t.node("Identity", []value{t.value("tower_0/wh")}, "sides", nil)
		return t.encode("things", []port{{"x", []int{1, channels, thingsSquare, thingsSquare}}},
			[]port{{"heat", []int{1, thingsClasses, thingsCells, thingsCells}}, {"sides", []int{1, thingsSides, thingsCells, thingsCells}}})
	})
}

// A tfjsNode is a node of a graph of TensorFlow.js.
type tfjsNode struct {
	Name  string   `json:"name"`
	Op    string   `json:"op"`
	Input []string `json:"input"`
	Attr  struct {
		Strides  tfjsList           `json:"strides"`
		Padding  struct{ S []byte } `json:"padding"`
		FusedOps tfjsList           `json:"fused_ops"`
	} `json:"attr"`
}

// A tfjsList is an attribute of integers or of names.
type tfjsList struct {
	List struct {
		I []string `json:"i"`
		S [][]byte `json:"s"`
	} `json:"list"`
}

// A translation writes nodes of TensorFlow, whose pictures have the channels last, as nodes of ONNX, whose pictures have the channels first.
type translation struct {
	graph
	nodes map[string]tfjsNode
	done  map[string]value
	c     checkpoint
}

// value returns the output of a node, after all nodes that the node needs. A node that the graph lacks, and an operator that is not known here, are
// missing from the checkpoint.
func (t *translation) value(name string) value {
	if v, ok := t.done[name]; ok {
		return v
	}
	n, ok := t.nodes[name]
	if !ok {
		panic(missing(name))
	}
	v := t.translate(n)
	t.done[name] = v
	return v
}

// simple are the operators that are alike in both forms.
var simple = map[string]string{"Mul": "Mul", "Add": "Add", "Relu": "Relu", "Sigmoid": "Sigmoid", "Identity": "Identity"}

func (t *translation) translate(n tfjsNode) value {
	if op, ok := simple[n.Op]; ok {
		var in []value
		for _, name := range n.Input {
			in = append(in, t.value(name))
		}
		return t.op(op, in, nil)
	}
	switch n.Op {
	case "Const":
		k := t.c.get(n.Name)
		if len(k.shape) > 0 { // the axes of a vector would need a place
			panic(missing(n.Name))
		}
		return t.floats(k)
	case "Relu6":
		return t.op("Clip", []value{t.value(n.Input[0]), t.scalar(0), t.scalar(6)}, nil)
	case "_FusedConv2D", "Conv2D", "FusedDepthwiseConv2dNative", "DepthwiseConv2dNative":
		return t.convolution(n)
	case "Mean": // over the picture
		return t.op("GlobalAveragePool", []value{t.value(n.Input[0])}, nil)
	case "ConcatV2":
		return t.op("Concat", []value{t.value(n.Input[0]), t.value(n.Input[1])}, attrs{"axis": 1})
	case "ResizeBilinear": // to twice the size
		return t.op("Resize", []value{t.value(n.Input[0]), "", t.floats(tensor{shape: []int{4}, data: []float32{1, 1, 2, 2}})},
			attrs{"mode": "linear", "coordinate_transformation_mode": "asymmetric"})
	}
	panic(missing(n.Name + ", of the operator " + n.Op))
}

func (t *translation) convolution(n tfjsNode) value {
	w := t.c.get(n.Input[1])
	a := attrs{"strides": []int{1, 1}, "auto_pad": "VALID"}
	if s := n.Attr.Strides.List.I; len(s) == 4 && s[1] == "2" {
		a["strides"] = []int{2, 2}
	}
	if string(n.Attr.Padding.S) == "SAME" {
		a["auto_pad"] = "SAME_UPPER"
	}
	in := []value{t.value(n.Input[0])}
	if slices.Contains([]string{"FusedDepthwiseConv2dNative", "DepthwiseConv2dNative"}, n.Op) {
		a["group"] = w.shape[2]
		in = append(in, t.floats(w.permuted(2, 3, 0, 1)))
	} else {
		in = append(in, t.floats(w.permuted(3, 2, 0, 1)))
	}
	if len(n.Input) > 2 {
		bias := t.c.get(n.Input[2])
		in = append(in, t.floats(tensor{shape: []int{len(bias.data)}, data: bias.data}))
	}
	v := t.op("Conv", in, a)
	if slices.ContainsFunc(n.Attr.FusedOps.List.S, func(s []byte) bool { return string(s) == "Relu" }) {
		v = t.op("Relu", []value{v}, nil)
	}
	return v
}
