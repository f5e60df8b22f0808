package gateway

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestTimesOfAnswersAskedBack: the milliseconds, the timecode, the frame's start and the start of a hit lead back to the hit's
// first frame, and so to its shot: 10,000 random moments over the usual rates, half of them on edges of frames, as shots and cues are.
func TestTimesOfAnswersAskedBack(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	lang := query.Language{Names: known.View()}
	random := rand.New(rand.NewPCG(2026, 11))
	rates := []string{"24000/1001", "24", "25", "30000/1001", "30", "60000/1001", "60"}
	wrong := 0
	for i := range 10_000 {
		rate, err := schema.ParseRate(rates[i%len(rates)])
		if err != nil {
			t.Fatal(err)
		}
		v := &pb.VideoTrack{Rate: rate.Proto(), Frames: 170_000, StartTimecode: "09:59:30:00"}
		clock, err := schema.ClockOf(v, nil)
		if err != nil {
			t.Fatal(err)
		}
		scale, err := schema.NewTimecodeScale(v)
		if err != nil {
			t.Fatal(err)
		}
		start := clock.FrameStart(random.Int64N(v.GetFrames() - 200))
		if random.IntN(2) == 0 {
			start += schema.Time(random.Int64N(int64(schema.Second)))
		}
		first, _ := schema.ShownFrames(clock, schema.Interval{Start: start, End: start + schema.Second})
		e := newEntry(&pb.Asset{Id: "a"}, nil, lineups{})
		e.clock, e.scale = clock, scale
		p := &processed{snap: newSnapshot(nil)}
		p.snap.put(e)
		for _, back := range []string{
			fmt.Sprintf("a@%d.%03ds", start.Millis()/1000, start.Millis()%1000),
			"a@" + scale.Format(first),
			fmt.Sprintf("a@%d.%09ds", clock.FrameStart(first).Duration()/1e9, clock.FrameStart(first).Duration()%1e9),
		} {
			tree, _, err := lang.Parse("like_shot:" + back)
			if err != nil {
				t.Fatalf("%s: %v", back, err)
			}
			_, n, err := p.place(tree.GetLeaf())
			if err != nil {
				t.Fatalf("%s: %v", back, err)
			}
			if n != first {
				if wrong++; wrong < 5 {
					t.Errorf("%s frames a second: frame %d, asked back as %s, is frame %d", rate, first, back, n)
				}
			}
		}
		if _, n, err := p.place(&pb.Leaf{Asset: "a", Time: int64(start)}); err != nil || n != first {
			t.Errorf("%s frames a second: the start of frame %d, asked back, is frame %d: %v", rate, first, n, err)
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 30,000 lead elsewhere", wrong)
	}
}
