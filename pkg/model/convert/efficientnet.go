package convert

import (
	"fmt"
	"math"
	"slices"
)

const (
	side    = 260  // pixels of EfficientNet-Lite2's square input
	feature = 1280 // channels after the last convolution
	classes = 1000 // of ImageNet
)

// strided are the blocks of EfficientNet-Lite2 that halve the picture.
var strided = []int{1, 4, 7, 15}

// EfficientNet writes EfficientNet-Lite2 as ONNX. The batch normalisations are folded into the convolutions.
//
//	x       [n,3,260,260] float32, RGB planes, (value-127)/128
//	feat    [n,1280]      the pooled last convolution
//	logits  [n,1000]      of the ImageNet classes
func EfficientNet(checkpointPath, modelPath string) error {
	return build(checkpointPath, modelPath, efficientnet)
}

func efficientnet(c checkpoint) []byte {
	g := &graph{}
	x := convolution(g, c, "x", "_conv_stem.weight", "_bn0", 2, 1, true)
	width := c.get("_conv_stem.weight").shape[0]
	for i := 0; ; i++ {
		block := fmt.Sprintf("_blocks.%d.", i)
		if _, ok := c[block+"_depthwise_conv.weight"]; !ok {
			break
		}
		stride := 1
		if slices.Contains(strided, i) {
			stride = 2
		}
		y := x
		if _, ok := c[block+"_expand_conv.weight"]; ok {
			y = convolution(g, c, y, block+"_expand_conv.weight", block+"_bn0", 1, 1, true)
		}
		depth := c.get(block + "_depthwise_conv.weight").shape[0]
		y = convolution(g, c, y, block+"_depthwise_conv.weight", block+"_bn1", stride, depth, true)
		y = convolution(g, c, y, block+"_project_conv.weight", block+"_bn2", 1, 1, false)
		out := c.get(block + "_project_conv.weight").shape[0]
		if stride == 1 && out == width {
			y = g.op("Add", []value{y, x}, nil)
		}
		x, width = y, out
	}
	x = convolution(g, c, x, "_conv_head.weight", "_bn1", 1, 1, true)
	x = g.op("GlobalAveragePool", []value{x}, nil)
	g.node("Flatten", []value{x}, "feat", nil)
	logits := g.op("MatMul", []value{"feat", g.floats(c.get("_fc.weight").transposed())}, nil)
	g.node("Add", []value{logits, g.floats(c.get("_fc.bias"))}, "logits", nil)
	return g.encode("efficientnet-lite2",
		[]port{{"x", []int{batchUnknown, channels, side, side}}},
		[]port{{"feat", []int{batchUnknown, feature}}, {"logits", []int{batchUnknown, classes}}})
}

// convolution folds the batch normalisation bn into the weights: bn scales each output channel and adds a bias.
func convolution(g *graph, c checkpoint, x value, weight, bn string, stride, groups int, clipped bool) value {
	const epsilon = 1e-3
	w := c.get(weight)
	gamma, beta := c.get(bn+".weight").data, c.get(bn+".bias").data
	mean, variance := c.get(bn+".running_mean").data, c.get(bn+".running_var").data
	scaled := tensor{shape: w.shape, data: make([]float32, len(w.data))}
	bias := tensor{shape: []int{len(beta)}, data: make([]float32, len(beta))}
	per := len(w.data) / w.shape[0]
	for o := range w.shape[0] {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+epsilon)
		bias.data[o] = float32(float64(beta[o]) - float64(mean[o])*scale)
		for i := o * per; i < (o+1)*per; i++ {
			scaled.data[i] = float32(float64(w.data[i]) * scale)
		}
	}
	y := g.op("Conv", []value{x, g.floats(scaled), g.floats(bias)},
		attrs{"strides": []int{stride, stride}, "group": groups, "auto_pad": "SAME_UPPER"})
	if clipped {
		y = g.op("Clip", []value{y, g.scalar(0), g.scalar(6)}, nil)
	}
	return y
}
