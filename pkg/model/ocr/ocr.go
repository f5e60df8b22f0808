package ocr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

const (
	// grid is the size of the finder's steps: its pictures are multiples.
	grid = 32
	// lineHeight is the height of a line for the reader, and shrink the points of a line for each step of the answer.
	lineHeight = 48
	shrink     = 8
	// widths of lines are multiples, so that few arrays are made.
	widths = 160
	// longest is the width of a line for the reader; a longer line is squeezed.
	longest = 1600

	// bright is the probability from which a point belongs to a line, least the mean probability of a line.
	bright = 0.3
	least  = 0.6
	// grown is how far a line reaches beyond its found middle, as a share of area to perimeter.
	grown = 1.6
	// lowest is the height of a line's found middle, in points.
	lowest = 3
	// Most is the number of lines of a picture that are read, the largest first.
	Most = 40
)

// A Picture is packed RGB, rows from the top.
type Picture struct {
	Width, Height int
	Pix           []byte
}

// A Line is a line of text, with the rectangle in points of the picture.
type Line struct {
	X, Y, W, H int
	Text       string
	// Confidence is the mean probability of the letters.
	Confidence float32
}

// Model is the loaded networks. A Model is safe for concurrent use.
type Model struct {
	finder, reader *onnx.Session
	letters        []string // by class; class 0 is no letter
}

// Open loads the networks from the cache. Each call uses this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	path, err := cache.Require("ocr-letters")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the letters of the reader: %w", err)
	}
	// A line for each class: the first is no letter, the last is a space.
	m := &Model{letters: strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(text), "\r", ""), "\n"), "\n")}
	m.letters[0] = ""
	if m.finder, err = onnx.Open(cache, "ocr-finder", []string{"x"}, []string{"fetch_name_0"}, threads); err != nil {
		return nil, err
	}
	if m.reader, err = onnx.Open(cache, "ocr-reader", []string{"x"}, []string{"fetch_name_0"}, threads); err != nil {
		return nil, errors.Join(err, m.finder.Close())
	}
	return m, nil
}

// Close frees the networks. No call may be running.
func (m *Model) Close() error { return errors.Join(m.finder.Close(), m.reader.Close()) }

// A Place is where a line of text is, in points of the picture.
type Place struct {
	X, Y, W, H int
	// Score is the mean probability that the points are text.
	Score float32
}

// Read returns the lines of a picture, from the top.
func (m *Model) Read(ctx context.Context, p Picture) ([]Line, error) {
	places, err := m.Find(ctx, p)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, at := range places {
		l, err := m.ReadLine(ctx, p, at)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(l.Text) != "" {
			out = append(out, l)
		}
	}
	return out, nil
}

// Find returns where the lines of a picture are, from the top.
func (m *Model) Find(ctx context.Context, p Picture) ([]Place, error) {
	if p.Width < 1 || p.Height < 1 || len(p.Pix) != 3*p.Width*p.Height {
		return nil, errkind.New(errkind.Invalid, "a picture of %dx%d has %d bytes", p.Width, p.Height, len(p.Pix))
	}
	w, h := (p.Width+grid-1)/grid*grid, (p.Height+grid-1)/grid*grid
	call, err := m.finder.NewCall([]int64{1, 3, int64(h), int64(w)}, []int64{1, 1, int64(h), int64(w)})
	if err != nil {
		return nil, err
	}
	defer call.Close()
	// The networks were trained on blue, green and red, with the means of red, green and blue.
	mean, deviation := [3]float32{0.485, 0.456, 0.406}, [3]float32{0.229, 0.224, 0.225}
	x := call.In(0)
	for c := range 3 {
		plane := x[c*w*h:][:w*h]
		// Beyond the picture the edge goes on: an even border divides the lines of the whole picture into words.
		for y := range h {
			row := min(y, p.Height-1) * p.Width
			for i := range w {
				plane[y*w+i] = (float32(p.Pix[3*(row+min(i, p.Width-1))+2-c])/255 - mean[c]) / deviation[c]
			}
		}
	}
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	places := lines(call.Out(0), w, h, p.Width, p.Height)
	slices.SortFunc(places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(b.W*b.H, a.W*a.H), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
	})
	places = places[:min(len(places), Most)]
	slices.SortFunc(places, func(a, b Place) int { return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X)) })
	return places, nil
}

// lines returns the rectangles around the connected bright points of a map.
func lines(p []float32, w, h, width, height int) []Place {
	seen := make([]bool, w*h)
	var stack []int
	var out []Place
	for start := range p {
		if seen[start] || p[start] <= bright {
			continue
		}
		x0, y0, x1, y1 := w, h, 0, 0
		var sum float64
		n := 0
		stack, seen[start] = append(stack[:0], start), true
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			x, y := at%w, at/w
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			sum += float64(p[at])
			n++
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					i, j := x+dx, y+dy
					if i < 0 || j < 0 || i >= w || j >= h {
						continue
					}
					if next := j*w + i; !seen[next] && p[next] > bright {
						seen[next] = true
						stack = append(stack, next)
					}
				}
			}
		}
		score := sum / float64(n)
		if y1-y0 < lowest || x1-x0 < lowest || score < least {
			continue
		}
		by := int(math.Round(float64((x1-x0)*(y1-y0)) * grown / float64(2*(x1-x0+y1-y0))))
		x0, y0, x1, y1 = max(0, x0-by), max(0, y0-by), min(width, x1+by), min(height, y1+by)
		if x1-x0 > lowest && y1-y0 > lowest {
			out = append(out, Place{x0, y0, x1 - x0, y1 - y0, float32(score)})
		}
	}
	return out
}

// ReadLine reads the line at a place.
func (m *Model) ReadLine(ctx context.Context, p Picture, at Place) (Line, error) {
	width := min(longest, max(lineHeight/2, int(math.Ceil(float64(at.W)*lineHeight/float64(at.H)))))
	padded := (width + widths - 1) / widths * widths
	steps := padded / shrink
	call, err := m.reader.NewCall([]int64{1, 3, lineHeight, int64(padded)}, []int64{1, int64(steps), int64(len(m.letters))})
	if err != nil {
		return Line{}, err
	}
	defer call.Close()
	fill(call.In(0), padded, width, p, at)
	if err := call.Run(ctx); err != nil {
		return Line{}, err
	}
	text, confidence := m.decode(call.Out(0))
	return Line{at.X, at.Y, at.W, at.H, text, confidence}, nil
}

// fill brings a line to the reader's size, by linear interpolation, and leaves the rest grey.
func fill(x []float32, padded, width int, p Picture, at Place) {
	clear(x)
	sx, sy := float64(at.W)/float64(width), float64(at.H)/lineHeight
	near := func(f float64, from, n int) (a, b int, t float32) {
		f = max(0, min(f, float64(n-1)))
		a = int(f)
		return from + a, from + min(a+1, n-1), float32(f - float64(a))
	}
	for j := range lineHeight {
		y0, y1, ty := near((float64(j)+0.5)*sy-0.5, at.Y, at.H)
		for i := range width {
			x0, x1, tx := near((float64(i)+0.5)*sx-0.5, at.X, at.W)
			for c := range 3 {
				v := func(px, py int) float32 { return float32(p.Pix[3*(py*p.Width+px)+2-c]) }
				top := v(x0, y0) + (v(x1, y0)-v(x0, y0))*tx
				below := v(x0, y1) + (v(x1, y1)-v(x0, y1))*tx
				x[(c*lineHeight+j)*padded+i] = (top+(below-top)*ty)/127.5 - 1
			}
		}
	}
}

// decode takes the most probable letter of each step, a letter that follows itself once (CTC, Graves 2006).
func (m *Model) decode(p []float32) (string, float32) {
	classes := len(m.letters)
	var b strings.Builder
	var sum float64
	n, last := 0, 0
	for s := 0; s+classes <= len(p); s += classes {
		best := 0
		for c, v := range p[s:][:classes] {
			if v > p[s+best] {
				best = c
			}
		}
		if best != 0 && best != last {
			b.WriteString(m.letters[best])
			sum += float64(p[s+best])
			n++
		}
		last = best
	}
	text := strings.TrimFunc(b.String(), unicode.IsSpace)
	return text, float32(sum / float64(max(n, 1)))
}
