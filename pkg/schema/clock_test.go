package schema_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"pgregory.net/rapid"
)

func anyTable(t *rapid.T) schema.FrameTable {
	// Lengths as in real files (a few that recur), and wild lengths.
	length := rapid.OneOf(
		rapid.SampledFrom([]int64{29_429_400, 28_224_000, 23_543_520, 41 * 705_600, 42 * 705_600}),
		rapid.Int64Range(1, int64(schema.Hour)),
	)
	ft := schema.FrameTable{0}
	for _, l := range rapid.SliceOfN(length, 1, 200).Draw(t, "lengths") {
		ft = append(ft, ft[len(ft)-1]+schema.Time(l))
	}
	return ft
}

// checkClock checks the contract of Clock for any clock.
func checkClock(t *rapid.T, c schema.Clock, end schema.Time) {
	if c.FrameStart(0) != 0 || c.FrameStart(-3) != 0 {
		t.Fatalf("the picture starts at %d and %d", c.FrameStart(0), c.FrameStart(-3))
	}
	if got := c.FrameStart(c.Frames()); got != end || c.FrameStart(c.Frames()+9) != end {
		t.Fatalf("the picture ends at %d, want %d", got, end)
	}
	if got := c.FrameAt(end); got != c.Frames() {
		t.Fatalf("at its end the picture shows %d, want %d", got, c.Frames())
	}
	if c.FrameAt(-1) != -1 || c.FrameAt(schema.MinTime) != -1 || c.FrameAt(schema.MaxTime) != c.Frames() {
		t.Fatalf("outside the picture: %d, %d, %d", c.FrameAt(-1), c.FrameAt(schema.MinTime), c.FrameAt(schema.MaxTime))
	}
	n := rapid.Int64Range(0, c.Frames()-1).Draw(t, "frame")
	if got := c.FrameAt(c.FrameStart(n)); got != n {
		t.Fatalf("FrameAt(FrameStart(%d)) = %d", n, got)
	}
	if got := c.FrameAt(c.FrameStart(n+1) - 1); got != n {
		t.Fatalf("the last flick of frame %d shows %d", n, got)
	}

	iv := schema.Interval{
		Start: schema.Time(rapid.Int64Range(-10, int64(end)+10).Draw(t, "start")),
		End:   schema.Time(rapid.Int64Range(-10, int64(end)+10).Draw(t, "end")),
	}
	a, b := schema.FrameSpan(c, iv)
	if a < 0 || b <= a {
		t.Fatalf("FrameSpan(%v) = %d, %d", iv, a, b)
	}
	if in := iv.Intersect(schema.Interval{End: end}); !in.Empty() {
		if a != c.FrameAt(in.Start) || b != c.FrameAt(in.End-1)+1 {
			t.Fatalf("FrameSpan(%v) = %d, %d, but %d shows first and %d last", iv, a, b, c.FrameAt(in.Start), c.FrameAt(in.End-1))
		}
	}
	// The interval of whole frames spans exactly these frames.
	m := rapid.Int64Range(n+1, c.Frames()).Draw(t, "to")
	if a, b := schema.FrameSpan(c, schema.Interval{Start: c.FrameStart(n), End: c.FrameStart(m)}); a != n || b != m {
		t.Fatalf("frames %d to %d span %d to %d", n, m, a, b)
	}
}

func TestClocks(t *testing.T) {
	t.Run("steady", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r := anyRate(t)
			frames := rapid.Int64Range(1, 500_000).Draw(t, "frames")
			c, err := schema.ClockOf(&cinedexv1.VideoTrack{Rate: r.Proto(), Frames: frames}, nil)
			if err != nil {
				t.Fatal(err)
			}
			checkClock(t, c, r.FrameStart(frames))
		})
	})
	t.Run("variable", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			ft := anyTable(t)
			c, err := schema.ClockOf(&cinedexv1.VideoTrack{VariableRate: true, Frames: ft.Frames()}, ft)
			if err != nil {
				t.Fatal(err)
			}
			checkClock(t, c, ft[len(ft)-1])
		})
	})
	t.Run("a table of even frames is the steady clock", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			r := anyRate(t)
			ft := schema.FrameTable{}
			for n := range rapid.Int64Range(2, 300).Draw(t, "starts") {
				ft = append(ft, r.FrameStart(n))
			}
			at := schema.Time(rapid.Int64Range(0, int64(ft[len(ft)-1])-1).Draw(t, "t"))
			if got, want := ft.FrameAt(at), r.FrameAt(at); got != want {
				t.Fatalf("FrameAt(%d) = %d by the table, %d by the rate", at, got, want)
			}
		})
	})
}

func TestClockRefused(t *testing.T) {
	rate := &cinedexv1.FrameRate{Num: 25, Den: 1}
	for name, c := range map[string]struct {
		v  *cinedexv1.VideoTrack
		ft schema.FrameTable
	}{
		"no track":              {nil, nil},
		"no rate":               {&cinedexv1.VideoTrack{Frames: 1}, nil},
		"negative frames":       {&cinedexv1.VideoTrack{Rate: rate, Frames: -1}, nil},
		"variable, no table":    {&cinedexv1.VideoTrack{Rate: rate, VariableRate: true}, nil},
		"table of no frame":     {&cinedexv1.VideoTrack{VariableRate: true}, schema.FrameTable{0}},
		"table starts late":     {&cinedexv1.VideoTrack{VariableRate: true, Frames: 1}, schema.FrameTable{1, 2}},
		"table stands still":    {&cinedexv1.VideoTrack{VariableRate: true, Frames: 2}, schema.FrameTable{0, 5, 5}},
		"table goes back":       {&cinedexv1.VideoTrack{VariableRate: true, Frames: 2}, schema.FrameTable{0, 5, 4}},
		"table of another film": {&cinedexv1.VideoTrack{VariableRate: true, Frames: 3}, schema.FrameTable{0, 5, 7}},
	} {
		if got, err := schema.ClockOf(c.v, c.ft); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v, %v; want an error of kind invalid", name, got, err)
		}
	}
}

func TestFrameTableBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ft := anyTable(t)
		b, err := ft.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := schema.DecodeFrameTable(b)
		if err != nil || !slices.Equal(got, ft) {
			t.Fatalf("%v came back as %v, %v", ft, got, err)
		}
		// A wrong bit anywhere is noticed.
		i := rapid.IntRange(0, 8*len(b)-1).Draw(t, "bit")
		b[i/8] ^= 1 << (i % 8)
		if got, err := schema.DecodeFrameTable(b); err == nil {
			t.Fatalf("with bit %d wrong it decodes, to %v", i, got)
		}
	})
}

// The format is stored for years: these bytes must always decode.
func TestFrameTableFormat(t *testing.T) {
	want := schema.FrameTable{0, 300, 600, 1000, 1001}
	b := []byte{1, 4, 0xd8, 0x04, 0, 0xc8, 0x01, 0x9d, 0x06, 0, 0, 0, 0}
	binary.LittleEndian.PutUint32(b[9:], crc32.Checksum(b[:9], crc32.MakeTable(crc32.Castagnoli)))
	got, err := schema.DecodeFrameTable(b)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("decoded %v, %v", got, err)
	}
	if again, err := want.Encode(); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("encoded %x, %v; want %x", again, err, b)
	}
}

func TestFrameTableIsCompact(t *testing.T) {
	// Two hours with times in whole milliseconds, as Matroska stores times: 41 and 42 ms by turns.
	var ft schema.FrameTable
	for n := range int64(2*3600*24 + 1) {
		ft = append(ft, schema.FromMillis(n*125/3))
	}
	b, err := ft.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if per := float64(len(b)) / float64(ft.Frames()); per > 3.1 {
		t.Errorf("%.2f bytes a frame", per)
	}
}

func sealed(body ...byte) []byte {
	return binary.LittleEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

func TestHostileFrameTables(t *testing.T) {
	most := binary.AppendVarint(nil, math.MaxInt64)
	least := binary.AppendVarint(nil, math.MinInt64)
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"a version alone":     {1},
		"another version":     sealed(2, 1, 2),
		"no frames":           sealed(1, 0, 2),
		"more than its bytes": sealed(1, 200, 1, 2),
		"2^63 frames":         sealed(append([]byte{1}, binary.AppendUvarint(nil, 1<<63)...)...),
		"endless count":       sealed(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"endless length":      sealed(1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"length of zero":      sealed(1, 1, 0),
		"negative length":     sealed(1, 1, 1),
		"shrinks to zero":     sealed(1, 2, 2, 1),
		"past the end":        sealed(append([]byte{1, 2}, append(most, 0)...)...),
		"far below":           sealed(append([]byte{1, 2, 2}, least...)...),
		"far above":           sealed(append([]byte{1, 2, 2}, most...)...),
		"bytes behind":        sealed(1, 1, 2, 2),
		"wrong checksum":      {1, 1, 2, 0, 0, 0, 0},
	} {
		if got, err := schema.DecodeFrameTable(b); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: decoded %v, %v; want an error of kind invalid", name, got, err)
		}
	}
}

func FuzzDecodeFrameTable(f *testing.F) {
	f.Add([]byte{1, 1, 2})
	f.Add([]byte{1, 3, 200, 3, 0, 7})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f, 2})
	f.Fuzz(func(t *testing.T, body []byte) {
		// A valid checksum takes the fuzzer past the first gate.
		b := sealed(slices.Clone(body)...)
		ft, err := schema.DecodeFrameTable(b)
		if err != nil {
			return
		}
		if err := ft.Validate(); err != nil {
			t.Fatalf("%x decodes to what is no table: %v", b, err)
		}
		if cap(ft) > len(b)+1 {
			t.Fatalf("%d bytes made room for %d frames", len(b), cap(ft))
		}
	})
}

// The milliseconds of a frame's start name the frame, at every usual rate and at a variable rate. At 23.976, FrameAt
// gives the frame before for half of the frames (a player rounds as well: PySceneDetect#464).
func TestFrameNamed(t *testing.T) {
	for _, rate := range []string{"24000/1001", "24", "25", "30000/1001", "30", "60000/1001", "60", "120", "12.5"} {
		r, err := schema.ParseRate(rate)
		if err != nil {
			t.Fatal(err)
		}
		clock, err := schema.ClockOf(&cinedexv1.VideoTrack{Rate: r.Proto(), Frames: 20_000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range int64(20_000) {
			start := clock.FrameStart(n)
			if named := schema.FrameNamed(clock, schema.FromMillis(start.Millis())); named != n {
				t.Fatalf("%s: the milliseconds of frame %d name frame %d", rate, n, named)
			}
			if named := schema.FrameNamed(clock, start); named != n {
				t.Fatalf("%s: the start of frame %d names frame %d", rate, n, named)
			}
			middle := (start + clock.FrameStart(n+1)) / 2
			if named := schema.FrameNamed(clock, middle); named != n {
				t.Fatalf("%s: the middle of frame %d names frame %d", rate, n, named)
			}
		}
		if n := schema.FrameNamed(clock, clock.FrameStart(20_000)); n != 20_000 {
			t.Errorf("%s: the end names frame %d", rate, n)
		}
		if n := schema.FrameNamed(clock, -schema.Second); n != -1 {
			t.Errorf("%s: before the picture lies frame %d", rate, n)
		}
	}
}

// The clock of a track is read in a single place: by the rate, or from the frame table if the rate is variable.
func TestReadClock(t *testing.T) {
	table := schema.FrameTable{0, schema.Second / 2, schema.Second}
	content, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	steady := &cinedexv1.VideoTrack{Rate: schema.Rate{Num: 25, Den: 1}.Proto(), Frames: 50, FrameTable: &cinedexv1.MediaRef{Key: "unused"}}
	variable := &cinedexv1.VideoTrack{VariableRate: true, Frames: 2, FrameTable: &cinedexv1.MediaRef{Key: "table"}}
	for name, c := range map[string]struct {
		video *cinedexv1.VideoTrack
		bytes []byte
		fails error
		kind  errkind.Kind
		ok    bool
	}{
		"steady":              {video: steady, fails: errkind.New(errkind.Internal, "the table of a steady track is read"), ok: true},
		"variable":            {video: variable, bytes: content, ok: true},
		"no table":            {video: &cinedexv1.VideoTrack{VariableRate: true, Frames: 2}, kind: errkind.Invalid},
		"another's table":     {video: &cinedexv1.VideoTrack{VariableRate: true, Frames: 3, FrameTable: variable.FrameTable}, bytes: content, kind: errkind.Invalid},
		"no bytes of a table": {video: variable, bytes: []byte("table"), kind: errkind.Invalid},
		"gone":                {video: variable, fails: errkind.New(errkind.NotFound, "gone"), kind: errkind.NotFound},
		"away":                {video: variable, fails: errkind.New(errkind.Unavailable, "away"), kind: errkind.Unavailable},
		"no video":            {kind: errkind.Invalid},
	} {
		clock, err := schema.ReadClock(c.video, func(ref *cinedexv1.MediaRef) ([]byte, error) {
			if c.fails == nil && ref.GetKey() != "table" {
				t.Errorf("%s: reads %v", name, ref)
			}
			return c.bytes, c.fails
		})
		if c.ok != (err == nil) || !c.ok && errkind.Of(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && clock.FrameStart(1) <= 0 {
			t.Errorf("%s: frame 1 shows at %d", name, clock.FrameStart(1))
		}
	}
}
