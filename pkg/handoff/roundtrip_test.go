package handoff_test

import (
	"bytes"
	"testing"

	"github.com/cinedex/cinedex/pkg/handoff"
)

// write writes a list in a format.
func write(t testing.TB, format string, l handoff.List, o handoff.Options) ([]byte, []string) {
	t.Helper()
	f, err := handoff.FormatOf(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	notes, err := f.Write(&b, l, o)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.Bytes(), notes
}

// Every in and out frame of a bin is the same after our own reader has read the file. The formats of a whole list are read for each film of the list;
// the formats of markers are written for each film.
func TestRoundTripOfBins(t *testing.T) {
	bins := 60
	if testing.Short() {
		bins = 30
	}
	seen := map[string]int{}
	for n := range bins {
		b := randomBin(n)
		files := map[string][]byte{}
		for _, format := range []string{"otio", "edl", "fcpxml", "csv"} {
			files[format], _ = write(t, format, b.List, handoff.Options{})
		}
		byFilm := map[*handoff.Source]handoff.List{}
		for _, c := range b.Clips {
			l := byFilm[c.Source]
			l.Clips = append(l.Clips, c)
			byFilm[c.Source] = l
		}
		for s, l := range byFilm {
			for format, file := range files {
				compare(t, n, format, file, s, b.of(s))
				seen[format]++
			}
			for format, reader := range map[string]string{"avid": "avid", "resolve-edl": "edl", "resolve-csv": "csv"} {
				file, _ := write(t, format, l, handoff.Options{})
				compare(t, n, format+" as "+reader, file, s, b.of(s))
				seen[format]++
			}
		}
	}
	for format, times := range seen {
		if times < bins {
			t.Errorf("%s was read %d times only", format, times)
		}
	}
}

func compare(t *testing.T, n int, format string, file []byte, s *handoff.Source, want map[[2]int64]bool) {
	t.Helper()
	o := handoff.ReadOptions{Source: s, Name: "x." + format}
	if len(format) > 7 {
		o.Format = map[string]string{"avid as avid": "avid", "resolve-edl as edl": "edl", "resolve-csv as csv": "csv"}[format]
	} else if format == "avid" {
		o.Format = "avid"
	}
	got, err := handoff.Read(file, o)
	if err != nil {
		t.Fatalf("bin %d, %s: %v\n%.3000s", n, format, err, file)
	}
	have := map[[2]int64]bool{}
	for _, m := range got.Markers {
		have[[2]int64{m.Start, m.End}] = true
	}
	for at := range want {
		if !have[at] && !(at[0] == 0 && at[1] == s.Clock.Frames()) {
			t.Fatalf("bin %d, %s: frames %v were not read back; read are %v (start %s, %v frames, variable %v)\n%.3000s", n, format, at, have, s.Scale.Format(0), s.Clock.Frames(), s.Variable, file)
		}
	}
	if len(have) > len(want) {
		t.Fatalf("bin %d, %s: %d ranges were read, and %d written", n, format, len(have), len(want))
	}
}
