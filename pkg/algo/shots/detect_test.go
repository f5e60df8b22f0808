package shots

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/model/transnet"
)

// script builds a segment from the grey of each frame, and from the model's probabilities at some frames.
func script(stride int, greys []int, single, many map[int]float32) *segment {
	s := &segment{stride: stride}
	for n, g := range greys {
		c := cell{pix: []byte(strings.Repeat(string([]byte{byte(g)}), 12))}
		c.luma = brightness(c.pix)
		if n > 0 {
			c.diff = difference(s.cells[n-1].pix, c.pix)
		}
		s.cells = append(s.cells, c)
		if n%stride == 0 {
			s.probs = append(s.probs, transnet.Probability{Single: single[n], Many: many[n]})
		}
	}
	return s
}

// hold is a grey for n frames; ramp is a linear change between two greys over n frames.
func hold(grey, n int) (out []int) {
	for range n {
		out = append(out, grey)
	}
	return out
}

func ramp(from, to, n int) (out []int) {
	for i := range n {
		out = append(out, from+(to-from)*(2*i+1)/(2*n))
	}
	return out
}

func join(parts ...[]int) (out []int) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func lit(from, to int, p float32) map[int]float32 {
	m := make(map[int]float32)
	for n := from; n < to; n++ {
		m[n] = p
	}
	return m
}

func TestChanges(t *testing.T) {
	for name, c := range map[string]struct {
		segment *segment
		want    string
	}{
		"a cut":                                    {script(1, join(hold(60, 30), hold(160, 30)), lit(29, 30, .9), lit(29, 30, .9)), "[cut 30]"},
		"a cut that the model saw a frame late":    {script(1, join(hold(60, 30), hold(160, 30)), lit(30, 31, .9), lit(29, 32, .9)), "[cut 30]"},
		"a cut between two samples":                {script(2, join(hold(60, 31), hold(160, 31)), lit(30, 31, .9), lit(30, 31, .9)), "[cut 31]"},
		"a cut that the model is shy of":           {script(1, join(hold(60, 30), hold(160, 5), hold(90, 30)), map[int]float32{29: .2, 34: .9}, nil), "[cut 30 cut 35]"},
		"what only the model sees":                 {script(1, hold(60, 60), lit(29, 30, .2), lit(29, 30, .3)), "[]"},
		"what only the picture shows":              {script(1, join(hold(60, 30), hold(160, 30)), nil, nil), "[]"},
		"a flash":                                  {script(1, join(hold(60, 30), hold(250, 2), hold(60, 30)), lit(29, 30, .8), lit(29, 30, .8)), "[]"},
		"a dissolve":                               {script(1, join(hold(60, 30), ramp(60, 200, 20), hold(200, 30)), lit(39, 40, .8), lit(30, 50, .9)), "[dissolve 40]"},
		"a pan that ends as it began":              {script(1, join(hold(60, 30), ramp(60, 200, 10), ramp(200, 60, 10), hold(60, 30)), lit(39, 40, .6), lit(30, 50, .9)), "[]"},
		"a fade through black, of uneven halves":   {script(1, join(hold(120, 30), ramp(120, 2, 10), hold(0, 4), ramp(2, 200, 20), hold(200, 30)), lit(36, 37, .6), lit(30, 64, .9)), "[fade 42]"},
		"a fade at whose darkest the model doubts": {script(1, join(hold(120, 30), ramp(120, 2, 10), hold(0, 8), ramp(2, 200, 10), hold(200, 30)), lit(36, 37, .6), merge(lit(30, 40, .9), lit(48, 58, .9))), "[fade 44]"},
		"a fade in at the film's beginning":        {script(1, join(hold(0, 5), ramp(0, 120, 20), hold(120, 30)), lit(10, 11, .6), lit(5, 25, .9)), "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range c.segment.changes() {
				got = append(got, fmt.Sprintf("%s %d", c.how, c.at))
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("found %v, want %s", got, c.want)
			}
		})
	}
}

func merge(a, b map[int]float32) map[int]float32 {
	for k, v := range b {
		a[k] = v
	}
	return a
}
