package face

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/model/raster"
)

const (
	// Dim is the length of a vector.
	Dim = 128

	square      = 416
	cells       = 13
	values      = 25
	points      = 68
	pointSquare = 112
	faceSquare  = 150
)

// anchors are the sizes of the boxes of a cell, in cells, as the detector was trained.
var anchors = [...][2]float64{{1.603231, 2.094468}, {6.041143, 7.080126}, {2.882459, 3.518061}, {4.266906, 5.178857}, {9.041765, 10.66308}}

const (
	// least is the score below which nothing is a face.
	least = 0.5
	// overlap is the share of two boxes in common from which both are the same face.
	overlap = 0.4
	// Most is the number of faces of a picture that are told: the largest scores.
	Most = 32
)

// A Picture is packed RGB, and a Box is a rectangle in points of a picture.
type (
	Picture = raster.Picture
	Box     = raster.Box
)

// A Face is a found face.
type Face struct {
	Box   Box
	Score float32
}

// Model is the loaded networks. A Model is safe for concurrent use.
type Model struct {
	detector, landmarks, recogniser *network
}

// Open loads the networks from the cache. Each call uses this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	m := &Model{}
	for _, n := range []struct {
		id      string
		in, out []int64
		into    **network
	}{
		{"face-detector", []int64{1, 3, square, square}, []int64{1, values, cells, cells}, &m.detector},
		{"face-landmarks", []int64{1, 3, pointSquare, pointSquare}, []int64{1, 2 * points}, &m.landmarks},
		{"face-recogniser", []int64{1, 3, faceSquare, faceSquare}, []int64{1, Dim}, &m.recogniser},
	} {
		s, err := onnx.Open(cache, n.id, []string{"x"}, []string{"y"}, threads)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		*n.into = &network{s, n.in, n.out, make(chan *onnx.Call, 4)}
	}
	return m, nil
}

// Close frees the networks. No call may be running.
func (m *Model) Close() error {
	var errs []error
	for _, n := range []*network{m.detector, m.landmarks, m.recogniser} {
		if n != nil {
			errs = append(errs, n.close())
		}
	}
	return errors.Join(errs...)
}

// A network is a session with the arrays that no call uses.
type network struct {
	session *onnx.Session
	in, out []int64
	free    chan *onnx.Call
}

func (n *network) close() error {
	for {
		select {
		case c := <-n.free:
			_ = c.Close()
		default:
			return n.session.Close()
		}
	}
}

// run fills the input, computes, and returns a copy of the output.
func (n *network) run(ctx context.Context, fill func(x []float32)) ([]float32, error) {
	var call *onnx.Call
	select {
	case call = <-n.free:
	default:
		var err error
		if call, err = n.session.NewCall(n.in, n.out); err != nil {
			return nil, err
		}
	}
	defer func() {
		select {
		case n.free <- call:
		default:
			_ = call.Close()
		}
	}()
	fill(call.In(0))
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(call.Out(0)), nil
}

// Detect returns the faces of a picture, the surest first. Boxes lie within the picture.
func (m *Model) Detect(ctx context.Context, p Picture) ([]Face, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	side := float64(max(p.Width, p.Height))
	y, err := m.detector.run(ctx, func(x []float32) { raster.Resize(x, square, p, Box{X: 0, Y: 0, W: side, H: side}) })
	if err != nil {
		return nil, err
	}
	var found []Face
	for row := range cells {
		for column := range cells {
			for a, anchor := range anchors {
				at := func(v int) float64 { return float64(y[((5*a+v)*cells+row)*cells+column]) }
				score := sigmoid(at(4))
				if score <= least {
					continue
				}
				w, h := math.Exp(min(at(2), 8))*anchor[0]/cells*side, math.Exp(min(at(3), 8))*anchor[1]/cells*side
				b := Box{X: (float64(column)+sigmoid(at(0)))/cells*side - w/2, Y: (float64(row)+sigmoid(at(1)))/cells*side - h/2, W: w, H: h}
				if b = b.Within(p); b.W >= 1 && b.H >= 1 {
					found = append(found, Face{b, float32(score)})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Face) int { return cmp.Compare(b.Score, a.Score) })
	var out []Face
	for _, f := range found {
		if len(out) < Most && !slices.ContainsFunc(out, func(o Face) bool { return o.Box.Overlap(f.Box) > overlap }) {
			out = append(out, f)
		}
	}
	return out, nil
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// whole returns the box on whole points.
func whole(b Box) Box {
	x, y := math.Floor(b.X), math.Floor(b.Y)
	return Box{X: x, Y: y, W: max(1, math.Floor(b.W)), H: max(1, math.Floor(b.H))}
}

// Describe returns the vector of a face. The face is aligned by the eyes and the mouth first.
func (m *Model) Describe(ctx context.Context, p Picture, f Face) ([]float32, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	b, err := m.aligned(ctx, p, f)
	if err != nil {
		return nil, err
	}
	y, err := m.recogniser.run(ctx, func(x []float32) { raster.Resize(x, faceSquare, p, squared(b)) })
	if err != nil {
		return nil, err
	}
	var sum float64
	for _, v := range y {
		sum += float64(v) * float64(v)
	}
	for i, v := range y {
		y[i] = float32(float64(v) / math.Sqrt(sum))
	}
	return y, nil
}

// squared returns the square around a box.
func squared(b Box) Box {
	side := max(b.W, b.H)
	return Box{X: b.X - (side-b.W)/2, Y: b.Y - (side-b.H)/2, W: side, H: side}
}

// aligned returns the part of a picture that shows the face as the recogniser was trained: the middle of eyes and mouth a little above the middle, and
// the distance from the eyes to the mouth 0.45 of the side (dlib).
func (m *Model) aligned(ctx context.Context, p Picture, f Face) (Box, error) {
	b := squared(whole(f.Box))
	y, err := m.landmarks.run(ctx, func(x []float32) { raster.Resize(x, pointSquare, p, b) })
	if err != nil {
		return Box{}, err
	}
	middle := func(from, to int) (cx, cy float64) {
		for i := from; i < to; i++ {
			cx += float64(y[2*i]) / float64(to-from)
			cy += float64(y[2*i+1]) / float64(to-from)
		}
		return b.X + cx*b.W, b.Y + cy*b.H
	}
	lx, ly := middle(36, 42)
	rx, ry := middle(42, 48)
	mx, my := middle(48, 68)
	side := math.Floor((math.Hypot(lx-mx, ly-my) + math.Hypot(rx-mx, ry-my)) / 2 / 0.45)
	cx, cy := (lx+rx+mx)/3, (ly+ry+my)/3
	out := Box{X: math.Floor(max(0, cx-side/2)), Y: math.Floor(max(0, cy-0.43*side)), W: side, H: side}
	if out = out.Within(p); !(out.W >= 1 && out.H >= 1) {
		return whole(f.Box), nil
	}
	return out, nil
}
