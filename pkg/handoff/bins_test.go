package handoff_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// rates are the six rates of bins. At the rates of drop frame, half of the films are drop frame.
var rates = []schema.Rate{{Num: 24000, Den: 1001}, {Num: 24, Den: 1}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 50, Den: 1}, {Num: 60000, Den: 1001}}

// starts are start timecodes whose films cross ten minutes, hours and midnight.
var starts = []string{"", "00:00:00:00", "01:00:00:00", "10:00:00:00", "00:09:58:12", "00:58:59:20", "09:59:59:10", "23:59:50:00", "23:09:00:04", "19:59:59:00"}

// A bin is a random list over films of one rate.
type bin struct {
	handoff.List
	variable, drop bool
	midnight       bool // a clip crosses midnight
}

// randomSource returns a film of a rate. A film of variable rate keeps at most 20,000 frames.
func randomSource(r *rand.Rand, n int, rate schema.Rate, variable bool) *handoff.Source {
	drop := rate.Den == 1001 && rate.Num%30000 == 0 && r.IntN(2) == 0
	start := starts[r.IntN(len(starts))]
	if drop && start != "" {
		start = start[:8] + ";" + start[9:]
	}
	frames := r.Int64N(int64(rate.Float()*3600*5)) + 2000 // up to five hours
	v := &pb.VideoTrack{Rate: rate.Proto(), StartTimecode: start, DropFrame: drop, Width: 1920, Height: 1080}
	var table schema.FrameTable
	if variable {
		v.VariableRate = true
		frames = r.Int64N(18_000) + 2000
		table = schema.FrameTable{0}
		for range frames {
			// A telephone keeps times in ticks of 1/90000 s, and leaves out frames.
			ticks := int64(90_000*rate.Den/rate.Num) * (1 + r.Int64N(3)/2)
			table = append(table, table[len(table)-1]+schema.Time(ticks+r.Int64N(200)-100)*schema.Second/90_000)
		}
	}
	v.Frames = frames
	clock, err := schema.ClockOf(v, table)
	if err != nil {
		panic(err)
	}
	a := &pb.Asset{Id: fmt.Sprintf("%032x", n+1), Title: &pb.Title{Id: fmt.Sprintf("film-%d", n), Name: fmt.Sprintf("Film %d", n)}, Video: v}
	if n%3 > 0 {
		a.Audio = []*pb.AudioTrack{{Channels: int32(n % 3), SampleRate: 48_000}}
	}
	s, err := handoff.NewSource(a, clock, fmt.Sprintf("A%03d_C%03d_%s.mov", n%1000, n/1000, []string{"take", "straße", "日本"}[n%3]))
	if err != nil {
		panic(err)
	}
	return s
}

// randomBin returns the n-th bin: clips of up to three films of one rate. Every fifth bin is of films of variable rate.
func randomBin(n int) bin {
	r := rand.New(rand.NewPCG(15, uint64(n)))
	b := bin{variable: n%5 == 4, List: handoff.List{Name: fmt.Sprintf("Bin %d", n)}}
	rate := rates[n%len(rates)]
	var sources []*handoff.Source
	for i := range 1 + r.IntN(3) {
		sources = append(sources, randomSource(r, 10*n+i, rate, b.variable))
	}
	for i := range 1 + r.IntN(12) {
		s := sources[r.IntN(len(sources))]
		start := r.Int64N(s.Clock.Frames() - 1)
		c := handoff.Clip{Source: s, Start: start, End: start + 1 + r.Int64N(min(s.Clock.Frames()-start-1, 4000)+1), Name: fmt.Sprintf("clip %d", i), Confidence: float32(r.IntN(100)) / 100}
		c.End = min(c.End, s.Clock.Frames())
		if i%3 == 0 {
			c.Note, c.Query = "what to do with \"it\" & <why>", `look:"storm"`
		}
		iv := c.Interval()
		c.Texts = []handoff.Text{{Interval: iv, Language: "en", Text: "We have to go."}, {Interval: iv, Language: "de", Text: "Wir müssen los."}}
		b.drop = b.drop || s.Scale.Drop()
		first, day := s.Scale.Number(), s.Scale.Day()
		b.midnight = b.midnight || (first+c.Start)/day != (first+c.End)/day
		b.Clips = append(b.Clips, c)
	}
	return b
}

// of returns the ranges of the clips of a film, in order and once each.
func (b bin) of(s *handoff.Source) map[[2]int64]bool {
	out := map[[2]int64]bool{}
	for _, c := range b.Clips {
		if c.Source == s {
			out[[2]int64{c.Start, c.End}] = true
		}
	}
	return out
}
