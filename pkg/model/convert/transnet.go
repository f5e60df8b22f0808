package convert

import "fmt"

// The shapes of TransNet V2, as published by the authors.
const (
	lookup     = 101 // neighbours of a frame, the frame included, whose similarity is an input
	histogram  = 512
	frameW     = 48
	frameH     = 27
	channels   = 3
	stacks     = 3
	blocksEach = 2
)

// TransNet writes TransNet V2 as ONNX, for windows of so many frames.
//
//	frames  [1,window,27,48,3] float32, RGB 0..255
//	hist    [1,window,512]     float32, each frame's colour histogram, of length 1
//	single  [1,window]         probability that a shot changes at this frame
//	many    [1,window]         probability that this frame is part of a transition
//
// The authors' code shows the network windows of 100 frames. The layers are convolutions over time, and take windows of any length.
//
// The caller counts the histogram, which takes a few lines of code, and a slow chain of operators in a graph. The weights have the names of the
// checkpoint, for package tiles. The weights of linear layers are transposed.
func TransNet(checkpointPath, modelPath string, window int) error {
	return build(checkpointPath, modelPath, func(c checkpoint) []byte { return transnet(c, window) })
}

func transnet(c checkpoint, window int) []byte {
	g := &graph{}
	x := g.op("Transpose", []value{"frames"}, attrs{"perm": []int{0, 4, 1, 2, 3}})
	x = g.op("Div", []value{x, g.scalar(255)}, nil)

	var pooled []value
	for s := range stacks {
		var shortcut value
		for b := range blocksEach {
			x = dilated(g, c, x, fmt.Sprintf("SDDCNN.%d.DDCNN.%d.", s, b))
			if b == 0 {
				x = g.op("Relu", []value{x}, nil)
				shortcut = x
			}
		}
		x = g.op("Add", []value{g.op("Relu", []value{x}, nil), shortcut}, nil)
		x = g.op("AveragePool", []value{x}, attrs{"kernel_shape": []int{1, 2, 2}, "strides": []int{1, 2, 2}})
		pooled = append(pooled, g.op("ReduceMean", []value{x}, attrs{"axes": []int{3, 4}, "keepdims": 0}))
	}

	// The similarity of each frame to its neighbours, by learnt features and by colour.
	features := g.op("Concat", pooled, attrs{"axis": 1})
	features = g.op("Transpose", []value{features}, attrs{"perm": []int{0, 2, 1}})
	features = linear(g, c, features, "frame_sim_layer.projection")
	length := g.op("ReduceL2", []value{features}, attrs{"axes": []int{2}, "keepdims": 1})
	features = g.op("Div", []value{features, g.op("Max", []value{length, g.scalar(1e-12)}, nil)}, nil)
	band := newBand(g, window)
	alike := g.op("Relu", []value{linear(g, c, band(features), "frame_sim_layer.fc")}, nil)
	colour := g.op("Relu", []value{linear(g, c, band("hist"), "color_hist_layer.fc")}, nil)

	flat := g.op("Transpose", []value{x}, attrs{"perm": []int{0, 2, 3, 4, 1}})
	flat = g.op("Reshape", []value{flat, g.ints([]int{3}, []int64{1, int64(window), -1})}, nil)
	y := g.op("Concat", []value{colour, alike, flat}, attrs{"axis": 2})
	y = g.op("Relu", []value{linear(g, c, y, "fc1")}, nil)
	for _, head := range []struct{ layer, output string }{{"cls_layer1", "single"}, {"cls_layer2", "many"}} {
		p := g.op("Sigmoid", []value{linear(g, c, y, head.layer)}, nil)
		g.node("Squeeze", []value{p, g.ints([]int{1}, []int64{2})}, value(head.output), nil)
	}
	return g.encode("transnetv2",
		[]port{{"frames", []int{1, window, frameH, frameW, channels}}, {"hist", []int{1, window, histogram}}},
		[]port{{"single", []int{1, window}}, {"many", []int{1, window}}})
}

// dilated is a block: four parallel (2+1)-D convolutions that reach 1, 2, 4 and 8 frames, and a batch normalisation.
func dilated(g *graph, c checkpoint, x value, prefix string) value {
	var parts []value
	for _, d := range []int{1, 2, 4, 8} {
		layer := fmt.Sprintf("%sConv3D_%d.layers.", prefix, d)
		space := g.op("Conv", []value{x, g.named(value(layer+"0.weight"), c.get(layer+"0.weight"))}, attrs{"pads": []int{0, 1, 1, 0, 1, 1}})
		parts = append(parts, g.op("Conv", []value{space, g.named(value(layer+"1.weight"), c.get(layer+"1.weight"))},
			attrs{"dilations": []int{d, 1, 1}, "pads": []int{d, 0, 0, d, 0, 0}}))
	}
	inputs := []value{g.op("Concat", parts, attrs{"axis": 1})}
	for _, name := range []string{"weight", "bias", "running_mean", "running_var"} {
		inputs = append(inputs, g.named(value(prefix+"bn."+name), c.get(prefix+"bn."+name)))
	}
	return g.op("BatchNormalization", inputs, attrs{"epsilon": float32(1e-3)})
}

func linear(g *graph, c checkpoint, x value, layer string) value {
	product := g.op("MatMul", []value{x, g.named(value(layer+".weight"), c.get(layer+".weight").transposed())}, nil)
	return g.op("Add", []value{product, g.named(value(layer+".bias"), c.get(layer+".bias"))}, nil)
}

// newBand returns a function from vectors [1,window,n] to [1,window,101]: the products of each vector with the fifty before, itself and the fifty after; 0
// beyond the window.
func newBand(g *graph, window int) func(value) value {
	columns := make([]int64, 0, window*lookup)
	for row := range window {
		for k := range lookup {
			columns = append(columns, int64(row+k))
		}
	}
	index := g.ints([]int{1, window, lookup}, columns)
	const side = (lookup - 1) / 2
	pads := g.ints([]int{6}, []int64{0, 0, side, 0, 0, side})
	return func(x value) value {
		products := g.op("MatMul", []value{x, g.op("Transpose", []value{x}, attrs{"perm": []int{0, 2, 1}})}, nil)
		padded := g.op("Pad", []value{products, pads}, nil)
		return g.op("GatherElements", []value{padded, index}, attrs{"axis": 2})
	}
}
