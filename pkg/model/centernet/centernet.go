package centernet

import (
	"cmp"
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/model/raster"
)

const (
	// Square is the side of the square that the network sees.
	Square = 512

	cells = 128
	cell  = Square / cells // points of a cell
	// overlap is the share of two boxes of a class in common from which both are the same thing.
	overlap = 0.4
	// Most is the number of things of a picture that are told: the largest scores.
	Most = 100
)

// Classes are the names of the classes, by number.
var Classes = [...]string{
	"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant", "stop sign", "parking meter",
	"bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase",
	"frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
	"wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
	"cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave",
	"oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
}

// A Thing is a found thing.
type Thing struct {
	Class int
	Score float32
	Box   raster.Box // in points of the picture, within the picture
}

// Model is the loaded network. A Model is safe for concurrent use.
type Model struct {
	session *onnx.Session
	free    chan *onnx.Call // arrays that no call uses
}

// Open loads the network from the cache. Each call uses this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	s, err := onnx.Open(cache, "things", []string{"x"}, []string{"heat", "sides"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{s, make(chan *onnx.Call, 4)}, nil
}

// Close frees the network. No call may be running.
func (m *Model) Close() error {
	for {
		select {
		case c := <-m.free:
			_ = c.Close()
		default:
			return m.session.Close()
		}
	}
}

// Detect returns the things of a picture with at least a score, the surest first.
func (m *Model) Detect(ctx context.Context, p raster.Picture, least float32) ([]Thing, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	var call *onnx.Call
	select {
	case call = <-m.free:
	default:
		var err error
		call, err = m.session.NewCall([]int64{1, 3, Square, Square}, []int64{1, int64(len(Classes)), cells, cells}, []int64{1, 4, cells, cells})
		if err != nil {
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
	raster.Resize(call.In(0), Square, p, raster.Box{W: float64(p.Width), H: float64(p.Height)})
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	return boxes(call.Out(0), call.Out(1), p, least), nil
}

// boxes reads the things from the outputs of the network.
func boxes(heat, sides []float32, p raster.Picture, least float32) []Thing {
	var found []Thing
	for class := range Classes {
		plane := heat[class*cells*cells : (class+1)*cells*cells]
		for at, score := range plane {
			if score < least || !peak(plane, at) {
				continue
			}
			side := func(i int) float64 { return float64(sides[i*cells*cells+at]) }
			x, y := float64(at%cells*cell), float64(at/cells*cell)
			sx, sy := float64(p.Width)/Square, float64(p.Height)/Square
			b := raster.Box{X: (x - side(0)) * sx, Y: (y - side(1)) * sy, W: (side(0) + side(2)) * sx, H: (side(1) + side(3)) * sy}
			if b = b.Within(p); b.W >= 1 && b.H >= 1 {
				found = append(found, Thing{class, score, b})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Thing) int { return cmp.Compare(b.Score, a.Score) })
	var out []Thing
	for _, t := range found {
		same := func(o Thing) bool { return o.Class == t.Class && o.Box.Overlap(t.Box) > overlap }
		if len(out) < Most && !slices.ContainsFunc(out, same) {
			out = append(out, t)
		}
	}
	return out
}

// peak reports whether no neighbour of a cell has a higher score.
func peak(plane []float32, at int) bool {
	x, y := at%cells, at/cells
	for j := max(0, y-1); j <= min(cells-1, y+1); j++ {
		for i := max(0, x-1); i <= min(cells-1, x+1); i++ {
			if plane[j*cells+i] > plane[at] {
				return false
			}
		}
	}
	return true
}
