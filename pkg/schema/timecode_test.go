package schema_test

import (
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"pgregory.net/rapid"
)

func scale(t testing.TB, rate string, drop bool, start string) schema.TimecodeScale {
	t.Helper()
	r, err := schema.ParseRate(rate)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.ScaleOf(r, drop, start)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Labels on which SMPTE ST 12-1 and common tools agree.
func TestTimecodeTruths(t *testing.T) {
	for _, c := range []struct {
		rate  string
		drop  bool
		start string
		frame int64
		want  string
	}{
		{"23.976", false, "", 0, "00:00:00:00"},
		{"23.976", false, "", 23, "00:00:00:23"},
		{"23.976", false, "", 24, "00:00:01:00"},
		{"23.976", false, "01:00:00:00", 86400, "02:00:00:00"},
		{"24", false, "", 1440, "00:01:00:00"},
		{"25", false, "10:00:00:00", 37, "10:00:01:12"},
		{"29.97", false, "", 1800, "00:01:00:00"},
		{"29.97", false, "", 107892, "00:59:56:12"},
		{"30", false, "", 108000, "01:00:00:00"},
		{"47.952", false, "", 47, "00:00:00:47"},
		{"48", false, "", 48 * 61, "00:01:01:00"},
		{"50", false, "", 49, "00:00:00:49"},
		{"59.94", false, "", 3600, "00:01:00:00"},
		{"60", false, "", 216000, "01:00:00:00"},
		{"100", false, "", 99, "00:00:00:99"},
		{"119.88", false, "", 119, "00:00:00:119"},
		{"120", false, "", 120*3600 + 5, "01:00:00:005"},
		{"12.5", false, "", 13, "00:00:01:00"},

		{"29.97", true, "", 0, "00:00:00;00"},
		{"29.97", true, "", 1799, "00:00:59;29"},
		{"29.97", true, "", 1800, "00:01:00;02"},
		{"29.97", true, "", 3597, "00:01:59;29"},
		{"29.97", true, "", 3598, "00:02:00;02"},
		{"29.97", true, "", 17981, "00:09:59;29"},
		{"29.97", true, "", 17982, "00:10:00;00"},
		{"29.97", true, "", 17982 + 1800, "00:11:00;02"},
		{"29.97", true, "", 107892, "01:00:00;00"},
		{"29.97", true, "01:00:00;00", 0, "01:00:00;00"},
		{"29.97", true, "01:00:00;00", 1800, "01:01:00;02"},
		{"29.97", true, "00:59:59;28", 2, "01:00:00;00"},
		{"59.94", true, "", 3599, "00:00:59;59"},
		{"59.94", true, "", 3600, "00:01:00;04"},
		{"59.94", true, "", 35964, "00:10:00;00"},
		{"59.94", true, "", 215784, "01:00:00;00"},
		{"119.88", true, "", 7199, "00:00:59;119"},
		{"119.88", true, "", 7200, "00:01:00;008"},
		{"119.88", true, "", 71928, "00:10:00;000"},

		// Labels begin again after 24 hours, and the last label comes before the first.
		{"25", false, "", 25 * 86400, "00:00:00:00"},
		{"25", false, "23:59:59:24", 1, "00:00:00:00"},
		{"25", false, "", -1, "23:59:59:24"},
		{"29.97", true, "", 2589408, "00:00:00;00"},
		{"29.97", true, "23:59:59;29", 1, "00:00:00;00"},
		{"29.97", true, "", -1, "23:59:59;29"},
		{"59.94", true, "", 5178816, "00:00:00;00"},
	} {
		s := scale(t, c.rate, c.drop, c.start)
		if got := s.Format(c.frame); got != c.want {
			t.Errorf("%s drop=%t start=%q: frame %d is %s, want %s", c.rate, c.drop, c.start, c.frame, got, c.want)
		}
		day := int64(86400) * int64(s.FPS())
		if s.Drop() {
			day -= 1296 * int64(s.FPS()) / 15
		}
		want := (c.frame%day + day) % day
		if got, err := s.Frame(c.want); err != nil || got != want {
			t.Errorf("%s drop=%t start=%q: %s is frame %d, %v; want %d", c.rate, c.drop, c.start, c.want, got, err, want)
		}
	}
}

// Drop frame makes labels follow the clock: labels fall behind by at most two frames within a minute, and by 86.4 ms in
// a day.
func TestDropFrameKeepsToTheClock(t *testing.T) {
	r := schema.Rate{Num: 30000, Den: 1001}
	s := scale(t, "29.97", true, "")
	for n := int64(0); n < 2589408; n += 997 {
		l := s.Label(n)
		label := schema.Time(l.Hours)*schema.Hour + schema.Time(l.Minutes)*schema.Minute + schema.Time(l.Seconds)*schema.Second +
			schema.Second*schema.Time(l.Frames)/30
		if d := label - r.FrameStart(n); d > 160*schema.Millisecond || d < -160*schema.Millisecond {
			t.Fatalf("frame %d: label %s is %d ms from the clock", n, s.Format(n), schema.Millis(d))
		}
	}
}

// Each label of a whole day, once each: no label is used twice, none is out of order.
func TestEveryLabelOfADay(t *testing.T) {
	for _, rate := range []string{"29.97", "59.94"} {
		s := scale(t, rate, true, "")
		var n int64
		fps := s.FPS()
		for sec := range 86400 {
			for f := range fps {
				if sec%60 == 0 && sec/60%10 != 0 && f < fps/15 {
					continue
				}
				want := schema.Timecode{Hours: sec / 3600, Minutes: sec / 60 % 60, Seconds: sec % 60, Frames: f, Drop: true}
				if got := s.Label(n); got != want {
					t.Fatalf("%s: frame %d is %v, want %v", rate, n, got, want)
				}
				n++
			}
		}
	}
}

func TestTimecodeRefused(t *testing.T) {
	df, ndf := scale(t, "29.97", true, ""), scale(t, "25", false, "")
	df60, df120 := scale(t, "59.94", true, ""), scale(t, "119.88", true, "")
	for _, c := range []struct {
		s    schema.TimecodeScale
		in   string
		want string // a part of the error
	}{
		{df, "00:01:00;00", "does not exist"},
		{df, "00:01:00;01", "does not exist"},
		{df, "00:01:00:01", "does not exist"},
		{df, "23:59:00;00", "does not exist"},
		{df60, "00:01:00;03", "does not exist"},
		{df120, "00:01:00;007", "does not exist"},
		{ndf, "00:00:00;00", "is drop frame"},
		{ndf, "00:00:00.00", "is drop frame"},
		{ndf, "00:00:00:25", "frames of 00 to 24"},
		{ndf, "24:00:00:00", "hours"},
		{ndf, "00:60:00:00", "minutes"},
		{ndf, "00:00:60:00", "seconds"},
		{ndf, "", "must be written"},
		{ndf, "00:00:00", "must be written"},
		{ndf, "00:00:00:", "must be written"},
		{ndf, "0:00:00:00", "must be written"},
		{ndf, "00:00:00:00 ", "must be written"},
		{ndf, "00;00:00:00", "must be written"},
		{ndf, "00:00;00:00", "must be written"},
		{ndf, "00;00;00:00", "must be written"},
		{ndf, "00:00:00,00", "must be written"},
		{ndf, "-0:00:00:00", "must be written"},
		{ndf, "٠٠:٠٠:٠٠:٠٠", "must be written"},
		{ndf, "00:00:00:000000", "must be written"},
		{schema.TimecodeScale{}, "00:00:00:00", "no frame rate"},
	} {
		n, err := c.s.Frame(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("Frame(%q) = %d, %v; want an error of kind invalid with %q", c.in, n, err, c.want)
		}
	}
	for _, ok := range []string{"00:01:00;02", "00:01:00:02", "00;01;00;02", "00:01:00.02"} {
		if n, err := df.Frame(ok); err != nil || n != 1800 {
			t.Errorf("Frame(%q) = %d, %v; want 1800", ok, n, err)
		}
	}
}

func TestScaleOfTrack(t *testing.T) {
	track := func(num, den int32, drop bool, start string, frames int64) *cinedexv1.VideoTrack {
		return &cinedexv1.VideoTrack{Rate: &cinedexv1.FrameRate{Num: num, Den: den}, DropFrame: drop, StartTimecode: start, Frames: frames}
	}
	for name, v := range map[string]*cinedexv1.VideoTrack{
		"no track":                nil,
		"no rate":                 track(0, 0, false, "", 1),
		"drop at 25":              track(25, 1, true, "", 1),
		"drop at 30":              track(30, 1, true, "", 1),
		"drop at 23.976":          track(24000, 1001, true, "", 1),
		"drop at 47.952":          track(48000, 1001, false, "00:00:00;00", 1),
		"start that is no label":  track(25, 1, false, "10:00", 1),
		"start that drop leaves":  track(30000, 1001, true, "00:01:00;00", 1),
		"start beyond the rate":   track(24, 1, false, "00:00:00:24", 1),
		"negative rate":           track(-25, 1, false, "", 1),
		"start of 24 hours":       track(25, 1, false, "24:00:00:00", 1),
		"frames shorter than any": track(2147483647, 1, false, "", 1),
	} {
		if s, err := schema.NewTimecodeScale(v); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %+v, %v; want an error of kind invalid", name, s, err)
		}
	}

	s, err := schema.NewTimecodeScale(track(60000, 1001, false, "10:00:00;00", 600))
	if err != nil || !s.Drop() || s.FPS() != 60 {
		t.Fatalf("a start timecode with ; makes drop frame: %+v, %v", s, err)
	}
	// Frame finds labels of the asset and the label at which its last interval ends, and refuses other labels.
	for tc, want := range map[string]int64{"10:00:00;00": 0, "10:00:09;59": 599, "10:00:10;00": 600} {
		if n, err := s.Frame(tc); err != nil || n != want {
			t.Errorf("Frame(%s) = %d, %v; want %d", tc, n, err, want)
		}
	}
	for _, tc := range []string{"10:00:10;01", "09:59:59;59", "00:00:00;00"} {
		if n, err := s.Frame(tc); err == nil || !strings.Contains(err.Error(), "10:00:00;00 to 10:00:09;59") {
			t.Errorf("Frame(%s) = %d, %v; want it refused with the asset's own range", tc, n, err)
		}
	}
}

func TestTimecodeBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRate(t)
		fps := (2*r.Num + r.Den) / (2 * r.Den)
		drop := r.Den == 1001 && fps%30 == 0 && rapid.Bool().Draw(t, "drop")
		zero, err := schema.ScaleOf(r, drop, "")
		if err != nil {
			t.Fatal(err)
		}
		day := 86400 * int64(zero.FPS())
		if drop {
			day -= 1296 * int64(zero.FPS()) / 15
		}
		start := zero.Format(rapid.Int64Range(0, day-1).Draw(t, "start"))
		s, err := schema.ScaleOf(r, drop, start)
		if err != nil {
			t.Fatalf("start %s: %v", start, err)
		}
		if got := s.Format(0); got != start {
			t.Fatalf("frame 0 is %s, want %s", got, start)
		}
		n := rapid.Int64Range(0, day-1).Draw(t, "n")
		label := s.Format(n)
		if got, err := s.Frame(label); err != nil || got != n {
			t.Fatalf("%v start %s: frame %d is %s, which is frame %d, %v", r, start, n, label, got, err)
		}
		// The labels before and after belong to the frames before and after.
		if n > 0 && s.Format(n-1) == label || s.Format(n+1) == label {
			t.Fatalf("frame %d shares its label %s", n, label)
		}
		if got := s.Format(n + day); got != label {
			t.Fatalf("a day after %s comes %s", label, got)
		}
	})
}

func FuzzParseTimecode(f *testing.F) {
	for _, s := range []string{"01:02:03:04", "01:02:03;04", "01;02;03;04", "01:02:03.04", "00:01:00;00", "00:00:00:119", "a", ""} {
		f.Add(s)
	}
	df, ndf := scale(f, "29.97", true, "01:00:00;00"), scale(f, "25", false, "10:00:00:00")
	f.Fuzz(func(t *testing.T, s string) {
		tc, err := schema.ParseTimecode(s)
		if err != nil {
			return
		}
		if again, err := schema.ParseTimecode(tc.String()); err != nil || again != tc {
			t.Fatalf("%q gave %v, which reads as %v, %v", s, tc, again, err)
		}
		for _, scale := range []schema.TimecodeScale{df, ndf} {
			if n, err := scale.Frame(s); err == nil {
				l := scale.Label(n)
				if tc.Drop = l.Drop; l != tc {
					t.Fatalf("%q is frame %d, which is %v", s, n, l)
				}
			}
		}
	})
}

// Day counts the labels of a day, and WithoutEnd accepts labels after the asset.
func TestDayAndWithoutEnd(t *testing.T) {
	for _, c := range []struct {
		rate schema.Rate
		drop bool
		day  int64
	}{{schema.Rate{24000, 1001}, false, 24 * 86400}, {schema.Rate{25, 1}, false, 25 * 86400}, {schema.Rate{30000, 1001}, true, 2_589_408}, {schema.Rate{60000, 1001}, true, 5_178_816}} {
		s, err := schema.ScaleOf(c.rate, c.drop, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Day(); got != c.day || s.Format(c.day) != s.Format(0) {
			t.Errorf("%s, drop %v: a day has %d labels, want %d", c.rate, c.drop, got, c.day)
		}
	}
	s, err := schema.NewTimecodeScale(&cinedexv1.VideoTrack{Rate: schema.Rate{25, 1}.Proto(), Frames: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Frame("00:01:00:00"); err == nil {
		t.Error("a label after the asset is accepted")
	}
	if n, err := s.WithoutEnd().Frame("00:01:00:00"); err != nil || n != 1500 {
		t.Errorf("without an end: %d, %v", n, err)
	}
	if got := (schema.TimecodeScale{}).Day(); got != 0 {
		t.Errorf("no scale has %d labels a day", got)
	}
}
