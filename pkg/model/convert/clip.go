package convert

import (
	"fmt"
	"math"
	"slices"
)

// headWidth is the width of an attention head in each published CLIP.
const headWidth = 64

// ClipImage writes the picture side of a CLIP with a vision transformer as ONNX, after openai/CLIP's model.py.
//
//	x       [n,3,side,side] float32, RGB planes, normalised
//	vector  [n,dimension]   not normalised
func ClipImage(checkpointPath, modelPath string) error {
	return build(checkpointPath, modelPath, clipImage)
}

// ClipText writes the text side of a CLIP as ONNX. The text model looks backwards only, so the tokens behind the end of a text have no influence and
// are left out.
//
//	tokens  [n,length]     int64, from the start to the end of a text, at most as long as the model's context
//	vector  [n,dimension]  not normalised
func ClipText(checkpointPath, modelPath string) error {
	return build(checkpointPath, modelPath, clipText)
}

func clipImage(c checkpoint) []byte {
	g := &graph{}
	patches := c.get("visual.conv1.weight")
	width, patch := patches.shape[0], patches.shape[2]
	position := c.get("visual.positional_embedding")
	side := patch * int(math.Round(math.Sqrt(float64(position.shape[0]-1))))
	x := g.op("Conv", []value{"x", g.weights(patches)}, attrs{"strides": []int{patch, patch}})
	x = g.op("Reshape", []value{x, g.ints([]int{3}, []int64{0, int64(width), -1})}, nil)
	x = g.op("Transpose", []value{x}, attrs{"perm": []int{0, 2, 1}})
	// The token of the class stands before the patches: a row of zeros, plus the class, which is added with the positions.
	x = g.op("Pad", []value{x, g.ints([]int{6}, []int64{0, 1, 0, 0, 0, 0})}, nil)
	first := tensor{shape: position.shape, data: slices.Clone(position.data)}
	for i, v := range c.get("visual.class_embedding").data {
		first.data[i] += v
	}
	x = g.op("Add", []value{x, g.floats(first)}, nil)
	x = layerNorm(g, c, x, "visual.ln_pre")
	x = transformer(g, c, x, "visual.transformer.", width, "")
	x = g.op("Gather", []value{x, g.ints(nil, []int64{0})}, attrs{"axis": 1})
	x = layerNorm(g, c, x, "visual.ln_post")
	project := c.get("visual.proj")
	g.node("MatMul", []value{x, g.weights(project)}, "vector", nil)
	return g.encode("clip-image",
		[]port{{"x", []int{batchUnknown, channels, side, side}}}, []port{{"vector", []int{batchUnknown, project.shape[1]}}})
}

func clipText(c checkpoint) []byte {
	g := &graph{integers: []value{"tokens"}}
	position := c.get("positional_embedding")
	context, width := position.shape[0], position.shape[1]
	zero, last := g.ints([]int{1}, []int64{0}), g.ints(nil, []int64{-1})
	length := g.op("Shape", []value{"tokens"}, attrs{"start": 1, "end": 2})
	x := g.op("Gather", []value{g.weights(c.get("token_embedding.weight")), "tokens"}, nil)
	x = g.op("Add", []value{x, g.op("Slice", []value{g.weights(position), zero, length}, nil)}, nil)
	// A token looks at the tokens before and at itself.
	mask := tensor{shape: []int{context, context}, data: make([]float32, context*context)}
	for row := range context {
		for column := row + 1; column < context; column++ {
			mask.data[row*context+column] = float32(math.Inf(-1))
		}
	}
	both := g.op("Concat", []value{length, length}, attrs{"axis": 0})
	seen := g.op("Slice", []value{g.floats(mask), g.ints([]int{2}, []int64{0, 0}), both}, nil)
	x = transformer(g, c, x, "transformer.", width, seen)
	x = g.op("Gather", []value{x, last}, attrs{"axis": 1})
	x = layerNorm(g, c, x, "ln_final")
	project := c.get("text_projection")
	g.node("MatMul", []value{x, g.weights(project)}, "vector", nil)
	return g.encode("clip-text",
		[]port{{"tokens", []int{batchUnknown, lengthUnknown}}}, []port{{"vector", []int{batchUnknown, project.shape[1]}}})
}

func layerNorm(g *graph, c checkpoint, x value, name string) value {
	return g.op("LayerNormalization", []value{x, g.floats(c.get(name + ".weight")), g.floats(c.get(name + ".bias"))},
		attrs{"axis": -1, "epsilon": float32(1e-5)})
}

// transformer adds the blocks under a prefix. mask is added to the products of attention; "" for none.
func transformer(g *graph, c checkpoint, x value, prefix string, width int, mask value) value {
	for i := 0; ; i++ {
		block := fmt.Sprintf("%sresblocks.%d.", prefix, i)
		if _, ok := c[block+"ln_1.weight"]; !ok {
			return x
		}
		x = g.op("Add", []value{x, attention(g, c, layerNorm(g, c, x, block+"ln_1"), block+"attn.", width, mask)}, nil)
		y := projected(g, c, layerNorm(g, c, x, block+"ln_2"), block+"mlp.c_fc.")
		// QuickGELU
		y = g.op("Mul", []value{y, g.op("Sigmoid", []value{g.op("Mul", []value{y, g.scalar(1.702)}, nil)}, nil)}, nil)
		x = g.op("Add", []value{x, projected(g, c, y, block+"mlp.c_proj.")}, nil)
	}
}

func projected(g *graph, c checkpoint, x value, name string) value {
	return affine(g, x, c.get(name+"weight"), c.get(name+"bias"))
}

func affine(g *graph, x value, weight, bias tensor) value {
	y := g.op("MatMul", []value{x, g.weights(weight.transposed())}, nil)
	return g.op("Add", []value{y, g.weights(bias)}, nil)
}

// attention is self-attention of several heads.
func attention(g *graph, c checkpoint, x value, name string, width int, mask value) value {
	weight, bias := c.get(name+"in_proj_weight"), c.get(name+"in_proj_bias")
	split := g.ints([]int{4}, []int64{0, 0, int64(width / headWidth), headWidth})
	// heads returns query, key or value, divided among the heads.
	heads := func(i int, perm ...int) value {
		w := tensor{shape: []int{width, width}, data: weight.data[i*width*width:][:width*width], half: weight.half}
		b := tensor{shape: []int{width}, data: bias.data[i*width:][:width], half: bias.half}
		y := g.op("Reshape", []value{affine(g, x, w, b), split}, nil)
		return g.op("Transpose", []value{y}, attrs{"perm": perm})
	}
	query, key, content := heads(0, 0, 2, 1, 3), heads(1, 0, 2, 3, 1), heads(2, 0, 2, 1, 3)
	query = g.op("Mul", []value{query, g.scalar(1 / float32(math.Sqrt(headWidth)))}, nil)
	products := g.op("MatMul", []value{query, key}, nil)
	if mask != "" {
		products = g.op("Add", []value{products, mask}, nil)
	}
	y := g.op("MatMul", []value{g.op("Softmax", []value{products}, attrs{"axis": -1}), content}, nil)
	y = g.op("Transpose", []value{y}, attrs{"perm": []int{0, 2, 1, 3}})
	y = g.op("Reshape", []value{y, g.ints([]int{3}, []int64{0, 0, int64(width)})}, nil)
	return projected(g, c, y, name+"out_proj.")
}
