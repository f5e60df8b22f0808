package convert

import "fmt"

// The shapes of Resemblyzer's voice encoder, after GE2E (Wan et al., arXiv:1710.10467).
const (
	voiceMels   = 40
	voiceFrames = 160 // of a window of 1.6 s
	voiceWidth  = 256
	voiceLayers = 3
)

// GE2E writes Resemblyzer's voice encoder as ONNX.
//
//	mel     [n,160,40]  float32, the power of the mel bands, without logarithm
//	vector  [n,256]     float32, of length 1, no number negative
func GE2E(checkpointPath, modelPath string) error {
	return build(checkpointPath, modelPath, ge2e)
}

func ge2e(c checkpoint) []byte {
	g := &graph{}
	x := g.op("Transpose", []value{"mel"}, attrs{"perm": []int{1, 0, 2}})
	one := g.ints([]int{1}, []int64{1})
	for i := range voiceLayers {
		x = lstm(g, c, x, i)
		x = g.op("Squeeze", []value{x, one}, nil)
	}
	x = g.op("Gather", []value{x, g.ints(nil, []int64{voiceFrames - 1})}, attrs{"axis": 0})
	x = g.op("Relu", []value{linear(g, c, x, "linear")}, nil)
	length := g.op("ReduceL2", []value{x}, attrs{"axes": []int{1}, "keepdims": 1})
	g.node("Div", []value{x, g.op("Max", []value{length, g.scalar(1e-12)}, nil)}, "vector", nil)
	return g.encode("ge2e", []port{{"mel", []int{batchUnknown, voiceFrames, voiceMels}}}, []port{{"vector", []int{batchUnknown, voiceWidth}}})
}

// lstm adds layer i. The output is [frames,1,n,256]. ONNX has the gates in the order input, output, forget, cell; PyTorch has input, forget, cell, output.
func lstm(g *graph, c checkpoint, x value, i int) value {
	gates := func(t tensor) []float32 {
		part := len(t.data) / 4
		var out []float32
		for _, gate := range []int{0, 3, 1, 2} {
			out = append(out, t.data[gate*part:(gate+1)*part]...)
		}
		return out
	}
	weights := func(name string) value {
		t := c.get(fmt.Sprintf("lstm.weight_%s_l%d", name, i))
		return g.floats(tensor{shape: append([]int{1}, t.shape...), data: gates(t)})
	}
	bias := append(gates(c.get(fmt.Sprintf("lstm.bias_ih_l%d", i))), gates(c.get(fmt.Sprintf("lstm.bias_hh_l%d", i)))...)
	return g.op("LSTM", []value{x, weights("ih"), weights("hh"), g.floats(tensor{shape: []int{1, len(bias)}, data: bias})}, attrs{"hidden_size": voiceWidth})
}
