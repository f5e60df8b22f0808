package persons

import (
	"math"

	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/model/face"
)

// A sighting is a face of a frame.
type sighting struct {
	box    face.Box // in 0..1 of the picture
	score  float32
	vector []float32
}

// A track is a face through a stretch of a shot.
type track struct {
	first, last int64 // frames in which the face was seen
	latest      sighting
	largest     sighting
	score       float32
	mean        []float64
	seen        int
	missed      int
}

const (
	// follows is the overlap from which a face of the next frame is the same face.
	follows = 0.3
	// sameFace is the cosine from which a face elsewhere in the next frame is the same face.
	sameFace = 0.95
	// patience is the number of described frames that a face may be away.
	patience = 2
)

func (t *track) add(frame int64, s sighting) {
	if t.seen == 0 {
		t.first = frame
		t.mean = make([]float64, len(s.vector))
	}
	t.last, t.latest, t.missed = frame, s, 0
	t.seen++
	t.score = max(t.score, s.score)
	// A large face tells more than a small face.
	weight := s.box.W * s.box.H
	for i, v := range s.vector {
		t.mean[i] += weight * float64(v)
	}
	if s.box.W*s.box.H > t.largest.box.W*t.largest.box.H {
		t.largest = s
	}
}

// vector is the mean of the face's vectors.
func (t *track) vector() []float32 { return unit(t.mean) }

func unit(v []float64) []float32 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(max(sum, 1e-12)))
	}
	return out
}

// follow joins the faces of the frames of a shot to tracks, in the order of the tracks' first frames.
func follow(picks []byshot.Pick[[]sighting]) []*track {
	var all, open []*track
	for _, p := range picks {
		taken := make([]bool, len(p.Value))
		for _, t := range open {
			best, at := follows, -1
			for i, s := range p.Value {
				if taken[i] {
					continue
				}
				near := t.latest.box.Overlap(s.box)
				if c := byshot.Cosine(t.latest.vector, s.vector); c >= sameFace {
					near = max(near, c)
				}
				if near >= best {
					best, at = near, i
				}
			}
			if t.missed++; at >= 0 {
				taken[at] = true
				t.add(p.Frame, p.Value[at])
			}
		}
		for i, s := range p.Value {
			if !taken[i] {
				t := &track{}
				t.add(p.Frame, s)
				all, open = append(all, t), append(open, t)
			}
		}
		kept := open[:0]
		for _, t := range open {
			if t.missed <= patience {
				kept = append(kept, t)
			}
		}
		open = kept
	}
	return all
}

const (
	// samePerson is the cosine from which two faces are of a person. Of 20 strangers in photographs, the nearest two are at 0.95, and most below 0.92;
	// a face and its altered copy are above 0.99.
	samePerson = 0.95
	// mostPersons bounds the persons of a title.
	mostPersons = 1000
)

// people are the persons of a title so far.
type people struct{ means [][]float64 }

// number returns the number of the person of a face, from 1; 0 for a stranger beyond the bound.
func (p *people) number(t *track) int {
	v := t.vector()
	best, at := samePerson, -1
	for i, m := range p.means {
		if c := byshot.Cosine(unit(m), v); c >= best {
			best, at = c, i
		}
	}
	if at < 0 {
		if len(p.means) == mostPersons {
			return 0
		}
		at = len(p.means)
		p.means = append(p.means, make([]float64, len(v)))
	}
	for i, x := range v {
		p.means[at][i] += float64(x) * float64(min(t.seen, 8))
	}
	return at + 1
}
