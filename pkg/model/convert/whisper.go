package convert

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The shapes of whisper-base (Radford et al., arXiv:2212.04356).
const (
	whisperMels   = 80
	whisperFrames = 3000 // of the spectrogram of a window of 30 s
	whisperTimes  = 1500 // positions of the encoder
	whisperWidth  = 512
	whisperHeads  = 8
	whisperHead   = whisperWidth / whisperHeads
	whisperLayers = 6
	whisperTokens = 51865
)

// whisperAligned are the heads of the decoder's attention to the sound that follow the words, by layer: openai/whisper's alignment heads of "base".
var whisperAligned = map[int][]int64{3: {1}, 4: {2, 3, 7}, 5: {1, 2, 4, 6}}

// WhisperEncoder writes the half of whisper-base that hears, as ONNX. The checkpoint is CTranslate2's file, in parts.
//
//	mel                     [1,80,3000]      float32, the log-mel spectrogram of 30 s
//	keys0 … keys5           [1,8,64,1500]    the keys that the decoder's layers attend to
//	values0 … values5       [1,8,1500,64]    and the values
func WhisperEncoder(parts []string, modelPath string) error {
	return whisper(parts, modelPath, whisperEncoder)
}

// WhisperDecoder writes the half of whisper-base that writes, as ONNX, for n windows at a time.
//
//	tokens                  [n,t]            int64, the next tokens of each window
//	keys0 … values5                          the encoder's outputs, n windows
//	past_keys0 … 5          [n,8,p,64]       the layers' keys of the p tokens before
//	past_values0 … 5        [n,8,p,64]       and values
//	logits                  [n,51865]        of the token behind the last
//	heed                    [n,8,1500]       the attention of the aligned heads, at the last token
//	next_keys0 … values5    [n,8,p+t,64]     keys and values with the new tokens
func WhisperDecoder(parts []string, modelPath string) error {
	return whisper(parts, modelPath, whisperDecoder)
}

// A ct2 is the variables of a model of CTranslate2: raw numbers of 16 bits.
type ct2 map[string]ct2Variable

type ct2Variable struct {
	shape []int
	raw   []byte
}

func (c ct2) get(name string) ct2Variable {
	v, ok := c[name]
	if !ok {
		panic(missing(name))
	}
	return v
}

// readCT2 reads the binary format of CTranslate2, version 6: names, shapes and numbers of variables.
func readCT2(data []byte) (ct2, error) {
	r := &ct2Reader{data: data}
	if v := r.uint32(); v != 6 {
		return nil, errkind.New(errkind.Invalid, "the model has format %d of CTranslate2, not 6", v)
	}
	_ = r.text() // the name of the architecture
	_ = r.uint32()
	const most = 10_000
	n := r.uint32()
	if n > most {
		return nil, errkind.New(errkind.Invalid, "the model has %d variables", n)
	}
	out := ct2{}
	for range n {
		name := r.text()
		var v ct2Variable
		size := 1
		for range r.bytes(1)[0] {
			d := int(r.uint32())
			v.shape = append(v.shape, d)
			size *= d
		}
		kind := r.bytes(1)[0]
		v.raw = r.bytes(int(r.uint32()))
		if r.short {
			return nil, errkind.New(errkind.Invalid, "the model is cut short in %q", name)
		}
		const float16 = 4
		if kind == float16 && size == len(v.raw)/2 {
			out[name] = v
		}
	}
	return out, nil
}

// A ct2Reader reads little-endian numbers. short is set where the data ends too early.
type ct2Reader struct {
	data  []byte
	short bool
}

func (r *ct2Reader) bytes(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.short, r.data = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	out := r.data[:n]
	r.data = r.data[n:]
	return out
}

func (r *ct2Reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }

func (r *ct2Reader) text() string {
	n := int(binary.LittleEndian.Uint16(r.bytes(2)))
	return string(bytes.TrimRight(r.bytes(n), "\x00"))
}

func whisper(parts []string, modelPath string, construct func(*listener) []byte) (err error) {
	var data []byte
	for _, p := range parts {
		b, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("reading a checkpoint: %w", err)
		}
		data = append(data, b...)
	}
	c, err := readCT2(data)
	if err != nil {
		return err
	}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case missing:
			err = errkind.New(errkind.Invalid, "converting whisper: the checkpoint contains no variable %s", string(p))
		default:
			panic(p)
		}
	}()
	if err := os.WriteFile(modelPath, construct(&listener{graph: &graph{}, c: c}), 0o644); err != nil {
		return fmt.Errorf("writing a converted model: %w", err)
	}
	return nil
}

// A listener is a graph of whisper under construction.
type listener struct {
	*graph
	c ct2
}

// weight adds a variable. The runtime turns the numbers of 16 bits into float32 when the model is opened.
func (l *listener) weight(name string) value {
	v := l.c.get(name)
	return l.op("Cast", []value{l.constant(typeHalf, v.shape, v.raw)}, attrs{"to": typeFloat})
}

// rows adds the rows [from, to) of a matrix, transposed.
func (l *listener) rows(name string, from, to int) value {
	v := l.c.get(name)
	cols := v.shape[1]
	raw := make([]byte, 0, 2*cols*(to-from))
	for c := range cols {
		for r := from; r < to; r++ {
			at := 2 * (r*cols + c)
			raw = append(raw, v.raw[at:at+2]...)
		}
	}
	return l.op("Cast", []value{l.constant(typeHalf, []int{cols, to - from}, raw)}, attrs{"to": typeFloat})
}

// linear adds the n-th part of a layer whose parts lie one behind another.
func (l *listener) linear(x value, name string, part int) value {
	size := l.c.get(name + "/bias").shape[0]
	if part >= 0 {
		size = whisperWidth
	}
	from := max(part, 0) * size
	bias := l.c.get(name + "/bias").raw[2*from : 2*(from+size)]
	b := l.op("Cast", []value{l.constant(typeHalf, []int{size}, bias)}, attrs{"to": typeFloat})
	return l.op("Add", []value{l.op("MatMul", []value{x, l.rows(name+"/weight", from, from+size)}, nil), b}, nil)
}

func (l *listener) norm(x value, name string) value {
	return l.op("LayerNormalization", []value{x, l.weight(name + "/gamma"), l.weight(name + "/beta")}, attrs{"axis": -1, "epsilon": float32(1e-5)})
}

// gelu is the exact form, by the error function.
func (l *listener) gelu(x value) value {
	y := l.op("Erf", []value{l.op("Div", []value{x, l.scalar(1.4142135623730951)}, nil)}, nil)
	y = l.op("Mul", []value{x, l.op("Add", []value{y, l.scalar(1)}, nil)}, nil)
	return l.op("Mul", []value{y, l.scalar(0.5)}, nil)
}

// heads splits [n,t,512] into heads, in the order of perm over [n,t,8,64].
func (l *listener) heads(x value, perm ...int) value {
	shape := l.ints([]int{4}, []int64{0, -1, whisperHeads, whisperHead})
	return l.op("Transpose", []value{l.op("Reshape", []value{x, shape}, nil)}, attrs{"perm": perm})
}

// attend attends from queries [n,8,t,64] to keys [n,8,64,s] and values [n,8,s,64]. shares are the weights of the values.
func (l *listener) attend(q, k, v, mask value) (out, shares value) {
	scores := l.op("MatMul", []value{l.op("Mul", []value{q, l.scalar(0.125)}, nil), k}, nil)
	if mask != "" {
		scores = l.op("Add", []value{scores, mask}, nil)
	}
	shares = l.op("Softmax", []value{scores}, attrs{"axis": -1})
	y := l.op("Transpose", []value{l.op("MatMul", []value{shares, v}, nil)}, attrs{"perm": []int{0, 2, 1, 3}})
	return l.op("Reshape", []value{y, l.ints([]int{3}, []int64{0, -1, whisperWidth})}, nil), shares
}

func (l *listener) forward(x value, layer string) value {
	y := l.gelu(l.linear(l.norm(x, layer+"ffn/layer_norm"), layer+"ffn/linear_0", -1))
	return l.op("Add", []value{x, l.linear(y, layer+"ffn/linear_1", -1)}, nil)
}

func whisperEncoder(l *listener) []byte {
	x := l.gelu(l.op("Conv", []value{"mel", l.weight("encoder/conv1/weight"), l.weight("encoder/conv1/bias")}, attrs{"pads": []int{1, 1}}))
	x = l.gelu(l.op("Conv", []value{x, l.weight("encoder/conv2/weight"), l.weight("encoder/conv2/bias")}, attrs{"pads": []int{1, 1}, "strides": []int{2}}))
	x = l.op("Transpose", []value{x}, attrs{"perm": []int{0, 2, 1}})
	x = l.op("Add", []value{x, l.weight("encoder/position_encodings/encodings")}, nil)
	for i := range whisperLayers {
		layer := fmt.Sprintf("encoder/layer_%d/", i)
		y := l.norm(x, layer+"self_attention/layer_norm")
		in := layer + "self_attention/linear_0"
		y, _ = l.attend(l.heads(l.linear(y, in, 0), 0, 2, 1, 3), l.heads(l.linear(y, in, 1), 0, 2, 3, 1), l.heads(l.linear(y, in, 2), 0, 2, 1, 3), "")
		x = l.op("Add", []value{x, l.linear(y, layer+"self_attention/linear_1", -1)}, nil)
		x = l.forward(x, layer)
	}
	x = l.norm(x, "encoder/layer_norm")
	var outputs []port
	for i := range whisperLayers {
		in := fmt.Sprintf("decoder/layer_%d/attention/linear_1", i)
		k, v := value(fmt.Sprintf("keys%d", i)), value(fmt.Sprintf("values%d", i))
		l.node("Identity", []value{l.heads(l.linear(x, in, 0), 0, 2, 3, 1)}, k, nil)
		l.node("Identity", []value{l.heads(l.linear(x, in, 1), 0, 2, 1, 3)}, v, nil)
		outputs = append(outputs, port{k, []int{1, whisperHeads, whisperHead, whisperTimes}}, port{v, []int{1, whisperHeads, whisperTimes, whisperHead}})
	}
	return l.encode("whisper-encoder", []port{{"mel", []int{1, whisperMels, whisperFrames}}}, outputs)
}

func whisperDecoder(l *listener) []byte {
	l.integers = append(l.integers, "tokens")
	zero, one, two := l.ints([]int{1}, []int64{0}), l.ints([]int{1}, []int64{1}), l.ints([]int{1}, []int64{2})
	three := l.ints([]int{1}, []int64{3})
	length := func(v value, axis, next value) value {
		return l.op("Slice", []value{l.op("Shape", []value{v}, nil), axis, next, zero}, nil)
	}
	scalar := func(v value) value { return l.op("Squeeze", []value{v, zero}, nil) }
	before := length("past_keys0", two, three)
	all := l.op("Add", []value{before, length("tokens", one, two)}, nil)
	zeroScalar, oneScalar := l.ints(nil, []int64{0}), l.ints(nil, []int64{1})
	positions := l.op("Range", []value{scalar(before), scalar(all), oneScalar}, nil)
	keys := l.op("Range", []value{zeroScalar, scalar(all), oneScalar}, nil)
	later := l.op("Greater", []value{l.op("Unsqueeze", []value{keys, zero}, nil), l.op("Unsqueeze", []value{positions, one}, nil)}, nil)
	mask := l.op("Mul", []value{l.op("Cast", []value{later}, attrs{"to": typeFloat}), l.scalar(-1e9)}, nil)

	words := l.weight("decoder/embeddings/weight")
	x := l.op("Add", []value{l.op("Gather", []value{words, "tokens"}, nil),
		l.op("Gather", []value{l.weight("decoder/position_encodings/encodings"), positions}, nil)}, nil)
	last := func(v value, axis int64) value { // the last of an axis
		return l.op("Slice", []value{v, l.ints([]int{1}, []int64{-1}), l.ints([]int{1}, []int64{1 << 40}), l.ints([]int{1}, []int64{axis})}, nil)
	}
	inputs, outputs := []port{{"tokens", []int{batchUnknown, lengthUnknown}}}, []port{{"logits", []int{batchUnknown, whisperTokens}}, {"heed", []int{batchUnknown, 8, whisperTimes}}}
	var past, heed []value
	for i := range whisperLayers {
		name := func(prefix string) value { return value(fmt.Sprintf("%s%d", prefix, i)) }
		inputs = append(inputs, port{name("keys"), []int{batchUnknown, whisperHeads, whisperHead, whisperTimes}}, port{name("values"), []int{batchUnknown, whisperHeads, whisperTimes, whisperHead}})
		past = append(past, name("past_keys"), name("past_values"))
		layer := fmt.Sprintf("decoder/layer_%d/", i)
		in := layer + "self_attention/linear_0"
		y := l.norm(x, layer+"self_attention/layer_norm")
		l.node("Concat", []value{name("past_keys"), l.heads(l.linear(y, in, 1), 0, 2, 1, 3)}, name("next_keys"), attrs{"axis": 2})
		l.node("Concat", []value{name("past_values"), l.heads(l.linear(y, in, 2), 0, 2, 1, 3)}, name("next_values"), attrs{"axis": 2})
		k := l.op("Transpose", []value{name("next_keys")}, attrs{"perm": []int{0, 1, 3, 2}})
		y, _ = l.attend(l.heads(l.linear(y, in, 0), 0, 2, 1, 3), k, name("next_values"), mask)
		x = l.op("Add", []value{x, l.linear(y, layer+"self_attention/linear_1", -1)}, nil)
		q := l.heads(l.linear(l.norm(x, layer+"attention/layer_norm"), layer+"attention/linear_0", -1), 0, 2, 1, 3)
		y, shares := l.attend(q, name("keys"), name("values"), "")
		if aligned := whisperAligned[i]; aligned != nil {
			heed = append(heed, l.op("Gather", []value{last(shares, 2), l.ints([]int{len(aligned)}, aligned)}, attrs{"axis": 1}))
		}
		x = l.op("Add", []value{x, l.linear(y, layer+"attention/linear_2", -1)}, nil)
		x = l.forward(x, layer)
	}
	x = l.norm(last(x, 1), "decoder/layer_norm")
	x = l.op("Squeeze", []value{x, one}, nil)
	l.node("Gemm", []value{x, words}, "logits", attrs{"transB": 1})
	l.node("Squeeze", []value{l.op("Concat", heed, attrs{"axis": 1}), two}, "heed", nil)
	for _, p := range past {
		inputs = append(inputs, port{p, []int{batchUnknown, whisperHeads, lengthBefore, whisperHead}})
		outputs = append(outputs, port{"next" + p[len("past"):], []int{batchUnknown, whisperHeads, lengthAfter, whisperHead}})
	}
	return l.encode("whisper-decoder", inputs, outputs)
}
