package schema_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/schema"
	"pgregory.net/rapid"
)

// media is any time within 100 hours of the start of the picture: longer than every film, and beyond the products of
// flicks and fractions that fit into 64 bits.
var media = rapid.Int64Range(-100*int64(schema.Hour), 100*int64(schema.Hour))

func TestMillis(t *testing.T) {
	for _, c := range []struct {
		name string
		t    schema.Time
		want int64
	}{
		{"zero", 0, 0},
		{"a second", schema.Second, 1000},
		{"half a millisecond goes up", schema.Millisecond / 2, 1},
		{"a flick less stays down", schema.Millisecond/2 - 1, 0},
		{"minus half a millisecond goes up too", -schema.Millisecond / 2, 0},
		{"a flick more goes down", -schema.Millisecond/2 - 1, -1},
		{"one frame at 23.976", schema.Rate{Num: 24000, Den: 1001}.FrameStart(1), 42}, // 41.708 ms
		{"the end of time", schema.MaxTime, 13071672387833},
	} {
		if got := schema.Millis(c.t); got != c.want {
			t.Errorf("%s: Millis(%d) = %d, want %d", c.name, c.t, got, c.want)
		}
	}
}

func TestMillisBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-360_000_000, 360_000_000).Draw(t, "ms")
		if got := schema.Millis(schema.FromMillis(ms)); got != ms {
			t.Fatalf("Millis(FromMillis(%d)) = %d", ms, got)
		}
		at := schema.Time(media.Draw(t, "t"))
		if d := at - schema.FromMillis(schema.Millis(at)); d > schema.Millisecond/2 || d < -schema.Millisecond/2 {
			t.Fatalf("Millis(%d) is %d flicks away", at, d)
		}
	})
}

func TestDurationBothWays(t *testing.T) {
	if got := schema.FromDuration(time.Second); got != schema.Second {
		t.Fatalf("FromDuration(1s) = %d", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := schema.Time(media.Draw(t, "t"))
		if got := schema.FromDuration(schema.Duration(at)); got != at {
			t.Fatalf("FromDuration(Duration(%d)) = %d", at, got)
		}
	})
}

func TestConversionsStopAtTheEndsOfTime(t *testing.T) {
	r := schema.Rate{Num: 24000, Den: 1001}
	if got := r.FrameStart(math.MaxInt64); got != schema.MaxTime {
		t.Errorf("FrameStart(max) = %d", got)
	}
	if got := r.FrameStart(math.MinInt64); got != schema.MinTime {
		t.Errorf("FrameStart(min) = %d", got)
	}
	if got := schema.FromMillis(math.MinInt64); got != schema.MinTime {
		t.Errorf("FromMillis(min) = %d", got)
	}
	if got := (schema.Rate{}).FrameStart(7); got != 0 {
		t.Errorf("no rate: FrameStart = %d", got)
	}
	if got := schema.Samples(schema.Second, 0); got != 0 {
		t.Errorf("no rate: Samples = %d", got)
	}
}

func TestSamplesAreExact(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000} {
		if int64(schema.Second)%int64(rate) != 0 {
			t.Errorf("a sample of %d Hz is no whole number of flicks", rate)
		}
		if got, want := schema.FromSamples(1, rate), schema.Second/schema.Time(rate); got != want {
			t.Errorf("FromSamples(1, %d) = %d, want %d", rate, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.OneOf(rapid.SampledFrom([]int{8000, 44100, 48000, 96000, 192000, 384000}), rapid.IntRange(1, 1_000_000)).Draw(t, "rate")
		n := rapid.Int64Range(-360_000*int64(rate), 360_000*int64(rate)).Draw(t, "n")
		at := schema.FromSamples(n, rate)
		if got := schema.Samples(at, rate); got != n {
			t.Fatalf("Samples(FromSamples(%d)) = %d", n, got)
		}
		if got := schema.Samples(at-1, rate); got != n-1 {
			t.Fatalf("a flick before sample %d sounds %d", n, got)
		}
	})
}

func TestTimeString(t *testing.T) {
	for at, want := range map[schema.Time]string{
		0: "00:00:00.000",
		schema.Hour + 2*schema.Minute + 3*schema.Second + 4*schema.Millisecond: "01:02:03.004",
		-schema.Second: "-00:00:01.000",
	} {
		if got := at.String(); got != want {
			t.Errorf("%d.String() = %s, want %s", at, got, want)
		}
	}
}

// exactStart is where frame n of a rate starts, as a fraction of a flick: the
// definition, against which the 128-bit arithmetic is held.
func exactStart(n int64, r schema.Rate) *big.Rat {
	x := new(big.Rat).SetFrac(big.NewInt(r.Den), big.NewInt(r.Num))
	x.Mul(x, new(big.Rat).SetInt64(int64(schema.Second)))
	return x.Mul(x, new(big.Rat).SetInt64(n))
}

func anyRate(t *rapid.T) schema.Rate {
	return rapid.OneOf(
		rapid.SampledFrom(usualRates),
		rapid.Custom(func(t *rapid.T) schema.Rate {
			den := rapid.Int64Range(1, math.MaxInt32).Draw(t, "den")
			return schema.Rate{Num: rapid.Int64Range(den/100+1, min(math.MaxInt32, 1000*den)).Draw(t, "num"), Den: den}
		}),
	).Draw(t, "rate")
}

var usualRates = []schema.Rate{
	{Num: 24000, Den: 1001}, {Num: 24, Den: 1}, {Num: 25, Den: 1}, {Num: 30000, Den: 1001}, {Num: 30, Den: 1},
	{Num: 48000, Den: 1001}, {Num: 48, Den: 1}, {Num: 50, Den: 1}, {Num: 60000, Den: 1001}, {Num: 60, Den: 1},
	{Num: 100, Den: 1}, {Num: 120000, Den: 1001}, {Num: 120, Den: 1},
}

func TestUsualRatesAreExact(t *testing.T) {
	for _, r := range usualRates {
		if !r.Exact() {
			t.Errorf("a frame of %s fps is no whole number of flicks", r)
		}
		if got, want := r.FrameStart(r.Num*3600), schema.Hour*schema.Time(r.Den); got != want {
			t.Errorf("%d frames of %s fps last %d flicks, want %d", r.Num*3600, r, got, want)
		}
	}
}

func TestFramesBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRate(t)
		most := int64(float64(100*3600)*r.Float()) + 1
		n := rapid.Int64Range(-most, most).Draw(t, "n")
		at := r.FrameStart(n)
		exact := exactStart(n, r)
		got := new(big.Rat).SetInt64(int64(at))
		if diff := new(big.Rat).Sub(got, exact); diff.Sign() < 0 || diff.Cmp(big.NewRat(1, 1)) >= 0 {
			t.Fatalf("FrameStart(%d) of %v = %d, exactly %s", n, r, at, exact.FloatString(3))
		}
		if r.Exact() && got.Cmp(exact) != 0 {
			t.Fatalf("FrameStart(%d) of %v = %d, exactly %s", n, r, at, exact.FloatString(3))
		}
		if got := r.FrameAt(at); got != n {
			t.Fatalf("FrameAt(FrameStart(%d)) of %v = %d", n, r, got)
		}
		if got := r.FrameAt(at - 1); got != n-1 {
			t.Fatalf("a flick before frame %d of %v shows %d", n, r, got)
		}
		// Any moment shows the frame whose start the moment has reached, and not the next frame.
		m := schema.Time(media.Draw(t, "t"))
		if f := r.FrameAt(m); r.FrameStart(f) > m || r.FrameStart(f+1) <= m {
			t.Fatalf("FrameAt(%d) of %v = %d", m, r, f)
		}
	})
}

func TestParseRate(t *testing.T) {
	for in, want := range map[string]schema.Rate{
		"24": {24, 1}, "25": {25, 1}, "25.0": {25, 1}, "25.000": {25, 1}, "12.5": {25, 2}, "24000/1001": {24000, 1001},
		"23.976": {24000, 1001}, "23.98": {24000, 1001}, "23.976024": {24000, 1001}, "23.97602398": {24000, 1001},
		"29.97": {30000, 1001}, "29.970": {30000, 1001}, "29.97003": {30000, 1001}, "47.952": {48000, 1001}, "47.95": {48000, 1001},
		"59.94": {60000, 1001}, "119.88": {120000, 1001}, "14.985": {15000, 1001}, "50/2": {25, 1}, "30000/1001": {30000, 1001},
		"23.97": {2397, 100}, // truncated, not rounded: the fraction is taken literally
		"0.5":   {1, 2},
	} {
		got, err := schema.ParseRate(in)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "0", "-25", "+25", "25/0", "0/0", "0/1", "x", "24,5", "24.5.6", "1/2/3", "1e3", "NaN", " 25", "25 ",
		"99999999999999999999", "4294967296/1", "900000000", "1_000", "0x19", "24.1234567891", "./1", "/"} {
		if got, err := schema.ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", in, got)
		}
	}
}

func TestRateStringBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRate(t)
		got, err := schema.ParseRate(r.String())
		if err != nil || new(big.Rat).SetFrac64(got.Num, got.Den).Cmp(new(big.Rat).SetFrac64(r.Num, r.Den)) != 0 {
			t.Fatalf("ParseRate(%q) = %v, %v", r, got, err)
		}
		if p := schema.RateOf(got.Proto()); p != got {
			t.Fatalf("%v through the proto is %v", got, p)
		}
	})
}

// Rates that containers and people round: within 1 in 100,000 of n or n·1000/1001.
func TestNominal(t *testing.T) {
	for in, want := range map[schema.Rate]schema.Rate{
		{Num: 19001, Den: 317}:        {Num: 60000, Den: 1001}, // Matroska's 16,683,333 ns (RFC 9559, DefaultDuration)
		{Num: 2997, Den: 100}:         {Num: 30000, Den: 1001}, // SMPTE ST 12-1
		{Num: 29970, Den: 1000}:       {Num: 30000, Den: 1001},
		{Num: 5994, Den: 100}:         {Num: 60000, Den: 1001},
		{Num: 2397603, Den: 100000}:   {Num: 24000, Den: 1001},
		{Num: 23976, Den: 1000}:       {Num: 24000, Den: 1001},
		{Num: 11988, Den: 100}:        {Num: 120000, Den: 1001},
		{Num: 1000000, Den: 40001}:    {Num: 1000000, Den: 40001}, // 24.99938: 2.5e-5 away
		{Num: 10000000, Den: 400001}:  {Num: 25, Den: 1},
		{Num: 10000000, Den: 399999}:  {Num: 25, Den: 1},
		{Num: 30000001, Den: 1000000}: {Num: 30, Den: 1},
		{Num: 60000, Den: 1001}:       {Num: 60000, Den: 1001},
		{Num: 24, Den: 1}:             {Num: 24, Den: 1},
		{Num: 50, Den: 2}:             {Num: 25, Den: 1},
		{Num: 25, Den: 2}:             {Num: 25, Den: 2},
		{Num: 2398, Den: 100}:         {Num: 1199, Den: 50}, // 1.7e-4 away: not a rounded rate, but a rounded name of a rate
		{Num: 3750, Den: 199}:         {Num: 3750, Den: 199},
		{Num: 1, Den: 3}:              {Num: 1, Den: 3},
		{}:                            {},
	} {
		if got := in.Nominal(); got != want {
			t.Errorf("%s is meant as %s, want %s", in, got, want)
		}
	}
	// A sender's drop frame is accepted if the file rounds its rate.
	s, err := schema.ScaleOf(schema.Rate{Num: 2997, Den: 100}, false, "01:00:00;00")
	if err != nil || s.Format(1800) != "01:01:00;02" {
		t.Errorf("drop frame at 2997/100: %v, %v", s.Format(1800), err)
	}
	if _, err := schema.ScaleOf(schema.Rate{Num: 2398, Den: 100}, true, ""); err == nil {
		t.Error("drop frame at 23.98")
	}
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"25", "24000/1001", "29.97", "1/0", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := schema.ParseRate(s)
		if err != nil {
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("ParseRate(%q) gave %v: %v", s, r, err)
		}
		if again, err := schema.ParseRate(r.String()); err != nil || again != r {
			t.Fatalf("%q gave %v, which reads as %v, %v", s, r, again, err)
		}
	})
}
