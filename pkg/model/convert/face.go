package convert

// The three networks of face-api.js for faces, from the weights as published for TensorFlow.js. Pictures are RGB planes 0..255: the networks take the
// means away themselves.
const (
	faceSquare      = 416 // of the detector
	facePoints      = 112 // of the landmarks
	faceRecognition = 150 // of the recogniser
	faceCells       = 13
	faceValues      = 25 // of a cell: five boxes of x, y, width, height and score
	faceVector      = 128
)

// FaceDetector writes the tiny face detector as ONNX.
//
//	x  [1,3,416,416] float32
//	y  [1,25,13,13]  boxes of the cells, before sigmoid and exponential
func FaceDetector(manifestPath, bytesPath, modelPath string) error {
	return buildTFJS(manifestPath, bytesPath, modelPath, func(c checkpoint) []byte {
		g := &graph{}
		x := centred(g, 117.001, 114.697, 97.404)
		leaky := func(x value) value { return g.op("LeakyRelu", []value{x}, attrs{"alpha": float32(0.1)}) }
		pool := func(x value, stride int) value {
			return g.op("MaxPool", []value{x}, attrs{"kernel_shape": []int{2, 2}, "strides": []int{stride, stride}, "auto_pad": "SAME_UPPER"})
		}
		plain := func(x value, name string) value {
			return g.op("Conv", []value{x, g.floats(c.get(name+"/filters").permuted(3, 2, 0, 1)), g.floats(c.get(name + "/bias"))}, nil)
		}
		x = pool(leaky(plain(x, "conv0")), 2)
		for _, name := range []string{"conv1", "conv2", "conv3", "conv4"} {
			x = pool(leaky(separable(g, c, x, name, 1)), 2)
		}
		x = pool(leaky(separable(g, c, x, "conv5", 1)), 1)
		g.node("Identity", []value{plain(x, "conv8")}, "y", nil)
		return g.encode("face-detector", []port{{"x", []int{1, channels, faceSquare, faceSquare}}}, []port{{"y", []int{1, faceValues, faceCells, faceCells}}})
	})
}

// FaceLandmarks writes the network that finds 68 points of a face as ONNX.
//
//	x  [1,3,112,112] float32
//	y  [1,136]       x and y of each point, 0..1 of the square
func FaceLandmarks(manifestPath, bytesPath, modelPath string) error {
	return buildTFJS(manifestPath, bytesPath, modelPath, func(c checkpoint) []byte {
		g := &graph{}
		x := centred(g, 122.782, 117.001, 104.298)
		relu := func(x value) value { return g.op("Relu", []value{x}, nil) }
		add := func(xs ...value) value {
			sum := xs[0]
			for _, x := range xs[1:] {
				sum = g.op("Add", []value{sum, x}, nil)
			}
			return sum
		}
		for i, block := range []string{"dense0", "dense1", "dense2", "dense3"} {
			var first value
			if i == 0 {
				first = g.op("Conv", []value{x, g.floats(c.get(block+"/conv0/filters").permuted(3, 2, 0, 1)), g.floats(c.get(block + "/conv0/bias"))},
					attrs{"strides": []int{2, 2}, "auto_pad": "SAME_UPPER"})
			} else {
				first = separable(g, c, x, block+"/conv0", 2)
			}
			first = relu(first)
			second := separable(g, c, first, block+"/conv1", 1)
			third := separable(g, c, relu(add(first, second)), block+"/conv2", 1)
			fourth := separable(g, c, relu(add(first, second, third)), block+"/conv3", 1)
			x = relu(add(first, second, third, fourth))
		}
		x = g.op("AveragePool", []value{x}, attrs{"kernel_shape": []int{7, 7}, "strides": []int{2, 2}})
		x = g.op("Flatten", []value{x}, nil)
		x = g.op("MatMul", []value{x, g.floats(c.get("fc/weights"))}, nil)
		g.node("Add", []value{x, g.floats(c.get("fc/bias"))}, "y", nil)
		return g.encode("face-landmarks", []port{{"x", []int{1, channels, facePoints, facePoints}}}, []port{{"y", []int{1, 136}}})
	})
}

// FaceRecogniser writes the network that describes a face as ONNX.
//
//	x  [1,3,150,150] float32
//	y  [1,128]       vectors of the same person are near each other
func FaceRecogniser(manifestPath, bytesPath, modelPath string) error {
	return buildTFJS(manifestPath, bytesPath, modelPath, func(c checkpoint) []byte {
		g := &graph{}
		r := recogniser{g, c, 32, 0}
		x := r.convolution(centred(g, 122.782, 117.001, 104.298), "conv32_down", 2, 0)
		x = g.op("Relu", []value{x}, nil)
		x = g.op("MaxPool", []value{x}, attrs{"kernel_shape": []int{3, 3}, "strides": []int{2, 2}})
		r.size = ((faceRecognition-7)/2+1-3)/2 + 1
		for _, block := range []struct {
			name string
			down bool
		}{
			{"conv32_1", false}, {"conv32_2", false}, {"conv32_3", false},
			{"conv64_down", true}, {"conv64_1", false}, {"conv64_2", false}, {"conv64_3", false},
			{"conv128_down", true}, {"conv128_1", false}, {"conv128_2", false},
			{"conv256_down", true}, {"conv256_1", false}, {"conv256_2", false}, {"conv256_down_out", true},
		} {
			if block.down {
				x = r.down(x, block.name)
				continue
			}
			y := r.convolution(g.op("Relu", []value{r.convolution(x, block.name+"/conv1", 1, 1)}, nil), block.name+"/conv2", 1, 1)
			x = g.op("Relu", []value{g.op("Add", []value{x, y}, nil)}, nil)
		}
		x = g.op("Flatten", []value{g.op("GlobalAveragePool", []value{x}, nil)}, nil)
		g.node("MatMul", []value{x, g.floats(c.get("fc"))}, "y", nil)
		return g.encode("face-recogniser", []port{{"x", []int{1, channels, faceRecognition, faceRecognition}}}, []port{{"y", []int{1, faceVector}}})
	})
}

// centred takes the mean colour away from the input x, and divides by 255.
func centred(g *graph, red, green, blue float32) value {
	mean := g.floats(tensor{shape: []int{1, channels, 1, 1}, data: []float32{red, green, blue}})
	return g.op("Div", []value{g.op("Sub", []value{"x", mean}, nil), g.scalar(255)}, nil)
}

// separable is a convolution of each channel by itself, and then across channels.
func separable(g *graph, c checkpoint, x value, name string, stride int) value {
	depth := c.get(name + "/depthwise_filter")
	y := g.op("Conv", []value{x, g.floats(depth.permuted(2, 3, 0, 1))}, attrs{"group": depth.shape[2], "strides": []int{stride, stride}, "auto_pad": "SAME_UPPER"})
	return g.op("Conv", []value{y, g.floats(c.get(name+"/pointwise_filter").permuted(3, 2, 0, 1)), g.floats(c.get(name + "/bias"))}, nil)
}

// A recogniser builds the blocks of the network of vectors.
type recogniser struct {
	g *graph
	c checkpoint
	// width and size are the channels and the side of the picture so far.
	width, size int
}

// convolution folds the scale that follows the convolution into the weights.
func (r recogniser) convolution(x value, name string, stride, pad int) value {
	w, bias := r.c.get(name+"/conv/filters").permuted(3, 2, 0, 1), r.c.get(name+"/conv/bias")
	by, add := r.c.get(name+"/scale/weights").data, r.c.get(name+"/scale/biases").data
	scaled := tensor{shape: w.shape, data: make([]float32, len(w.data))}
	biases := tensor{shape: bias.shape, data: make([]float32, len(bias.data))}
	per := len(w.data) / w.shape[0]
	for o := range w.shape[0] {
		for i := o * per; i < (o+1)*per; i++ {
			scaled.data[i] = w.data[i] * by[o]
		}
		biases.data[o] = float32(bias.data[o]*by[o]) + add[o] // two steps on every processor
	}
	return r.g.op("Conv", []value{x, r.g.floats(scaled), r.g.floats(biases)}, attrs{"strides": []int{stride, stride}, "pads": []int{pad, pad, pad, pad}})
}

// down halves the picture. Beside the convolutions goes the picture itself, halved, with channels of zeros; the smaller picture is padded by zeros.
func (r *recogniser) down(x value, name string) value {
	g := r.g
	y := g.op("Relu", []value{r.convolution(x, name+"/conv1", 2, 0)}, nil)
	y = r.convolution(y, name+"/conv2", 1, 1)
	pooled := g.op("AveragePool", []value{x}, attrs{"kernel_shape": []int{2, 2}, "strides": []int{2, 2}})
	width, size := r.c.get(name + "/conv2/conv/filters").shape[3], (r.size-3)/2+1
	if half := r.size / 2; half != size {
		y = g.op("Pad", []value{y, g.ints([]int{8}, []int64{0, 0, 0, 0, 0, 0, 1, 1})}, nil)
		size = half
	}
	if width != r.width {
		pooled = g.op("Pad", []value{pooled, g.ints([]int{8}, []int64{0, 0, 0, 0, 0, int64(width - r.width), 0, 0})}, nil)
	}
	r.width, r.size = width, size
	return g.op("Relu", []value{g.op("Add", []value{pooled, y}, nil)}, nil)
}
