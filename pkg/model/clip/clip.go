package clip

import (
	"context"
	"image"
	"math"
	"path/filepath"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/model/tokenizer"
)

// A Model is the two graphs of a manifest. A Model is safe for concurrent use.
type Model struct {
	manifest Manifest
	image    *onnx.Session
	text     *onnx.Session
	words    interface {
		Encode(text string, limit int) []int64
	}
	// free holds arrays of the picture side that no call uses.
	free chan *onnx.Call
}

// locate returns the path of a file of a manifest.
type locate func(file string) (string, error)

// OpenFolder opens the model of a folder. Each call uses this many processors (0: all).
func OpenFolder(cache model.Cache, folder string, threads int) (*Model, error) {
	m, err := ReadFolder(folder)
	if err != nil {
		return nil, err
	}
	return open(cache, m, func(file string) (string, error) { return filepath.Join(folder, file), nil }, threads)
}

// Open opens one of the published models, whose files are artefacts of the cache.
func Open(cache model.Cache, m Manifest, threads int) (*Model, error) {
	return open(cache, m, cache.Require, threads)
}

func open(cache model.Cache, m Manifest, at locate, threads int) (_ *Model, err error) {
	var paths [3]string
	for i, file := range []string{m.Image.File, m.Text.File, m.Text.Tokenizer} {
		if paths[i], err = at(file); err != nil {
			return nil, err
		}
	}
	out := &Model{manifest: m, free: make(chan *onnx.Call, 4)}
	if strings.HasSuffix(paths[2], ".txt.gz") {
		out.words, err = tokenizer.OpenClip(paths[2])
	} else {
		out.words, err = tokenizer.OpenFile(paths[2])
	}
	if err != nil {
		return nil, err
	}
	if out.image, err = onnx.OpenFile(cache, m.Name+"/image", paths[0], []string{m.Image.Input}, []string{m.Image.Output}, threads); err != nil {
		return nil, err
	}
	inputs := []string{m.Text.Input}
	if m.Text.Mask != "" {
		inputs = append(inputs, m.Text.Mask)
	}
	if out.text, err = onnx.OpenFile(cache, m.Name+"/text", paths[1], inputs, []string{m.Text.Output}, threads); err != nil {
		_ = out.image.Close()
		return nil, err
	}
	return out, nil
}

// Close frees the model. No call may be running.
func (m *Model) Close() error {
	for {
		select {
		case c := <-m.free:
			_ = c.Close()
			continue
		default:
		}
		if err := m.text.Close(); err != nil {
			_ = m.image.Close()
			return err
		}
		return m.image.Close()
	}
}

// Manifest returns the description of the model.
func (m *Model) Manifest() Manifest { return m.manifest }

// Picture returns the vector of a picture, of length 1.
func (m *Model) Picture(ctx context.Context, img image.Image) ([]float32, error) {
	if img.Bounds().Empty() {
		return nil, errkind.New(errkind.Invalid, "the picture has no pixels")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	side := int64(m.manifest.Image.Side)
	var call *onnx.Call
	select {
	case call = <-m.free:
	default:
		var err error
		if call, err = m.image.NewCall([]int64{1, 3, side, side}, []int64{1, int64(m.manifest.Dimension)}); err != nil {
			return nil, err
		}
	}
	defer func() {
		select {
		case m.free <- call:
		default:
			_ = call.Close()
		}
	}()
	m.manifest.Image.planes(img, call.In(0))
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	return unit(call.Out(0))
}

// Words returns the vector of a text, of length 1.
func (m *Model) Words(ctx context.Context, text string) ([]float32, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errkind.New(errkind.Invalid, "the text has no words")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := m.manifest.Text
	if t.Template != "" {
		text = strings.ReplaceAll(t.Template, "%s", text)
	}
	tokens := m.words.Encode(text, t.Tokens)
	length := len(tokens)
	if t.Pad != nil {
		length = t.Tokens
	}
	shapes := [][]int64{{1, int64(length)}}
	if t.Mask != "" {
		shapes = append(shapes, shapes[0])
	}
	call, err := m.text.NewMixedCall(len(shapes), append(shapes, []int64{1, int64(m.manifest.Dimension)})...)
	if err != nil {
		return nil, err
	}
	defer call.Close()
	for i := range length {
		if i < len(tokens) {
			call.Ints(0)[i] = tokens[i]
		} else {
			call.Ints(0)[i] = *t.Pad
		}
		if t.Mask != "" && i < len(tokens) {
			call.Ints(1)[i] = 1
		}
	}
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	return unit(call.Out(0))
}

// planes writes a picture as the model reads pictures: three planes of normalised numbers.
func (im Image) planes(img image.Image, out []float32) {
	rgb := im.Filter.resize(img, im.window(img.Bounds().Dx(), img.Bounds().Dy()))
	size := im.Side * im.Side
	for c := range 3 {
		mean, std := float32(im.Mean[c]), float32(im.Std[c])
		for i := range size {
			out[c*size+i] = (float32(rgb[3*i+c])/255 - mean) / std
		}
	}
}

// window returns the part of the resized picture that the model sees. Crop is torchvision's Resize and CenterCrop: the longer side is rounded down,
// and a half of a pixel is rounded to the even number.
func (im Image) window(width, height int) window {
	w := window{im.Side, im.Side, 0, 0, im.Side, im.Side}
	if im.Fit == fitSqueeze {
		return w
	}
	if width <= height {
		w.fullHeight = int(float64(im.Side) * float64(height) / float64(width))
	} else {
		w.fullWidth = int(float64(im.Side) * float64(width) / float64(height))
	}
	w.left = int(math.RoundToEven(float64(w.fullWidth-im.Side) / 2))
	w.top = int(math.RoundToEven(float64(w.fullHeight-im.Side) / 2))
	return w
}

// unit copies a vector, scaled to length 1.
func unit(v []float32) ([]float32, error) {
	var squares float64
	for _, x := range v {
		squares += float64(x) * float64(x)
	}
	if !(squares > 0) || math.IsInf(squares, 0) {
		return nil, errkind.New(errkind.Internal, "the model returned a vector of length %v", math.Sqrt(squares))
	}
	scale := 1 / math.Sqrt(squares)
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) * scale)
	}
	return out, nil
}
