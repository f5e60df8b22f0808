package timedtext_test

import (
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// TestSamplesOfTTML: the documents of a track inside a film (ISO/IEC 14496-30).
func TestSamplesOfTTML(t *testing.T) {
	sample := func(startMs, endMs int64, body string) timedtext.Sample {
		data := ""
		if body != "" {
			data = tt("", "", "<div>"+body+"</div>").text
		}
		return timedtext.Sample{Start: schema.FromMillis(startMs), End: schema.FromMillis(endMs), Data: []byte(data)}
	}
	for name, c := range map[string]struct {
		samples []timedtext.Sample
		opts    timedtext.Options
		want    []timedtext.Cue
		reports []string
	}{
		"times count from the track's beginning, and a cue over two samples is one": {
			[]timedtext.Sample{sample(0, 2000, `<p begin="1s" end="3s">a</p>`), sample(2000, 4000, `<p begin="1s" end="3s">a</p><p begin="3s">b</p>`), sample(4000, 6000, "")},
			timedtext.Options{}, []timedtext.Cue{cue(1000, 3000, "a", ""), cue(3000, 4000, "b", "")}, nil,
		},
		"the same words again are another cue": {
			[]timedtext.Sample{sample(0, 2000, `<p begin="0s" end="1s">a</p>`), sample(2000, 4000, `<p begin="2s" end="3s">a</p>`)},
			timedtext.Options{}, []timedtext.Cue{cue(0, 1000, "a", ""), cue(2000, 3000, "a", "")}, nil,
		},
		"a picture that begins later": {
			[]timedtext.Sample{sample(0, 2000, `<p begin="1s" end="2s">a</p>`)},
			timedtext.Options{Offset: 500 * ms}, []timedtext.Cue{cue(500, 1500, "a", "")}, nil,
		},
		"times from each sample's start, which are told": {
			[]timedtext.Sample{sample(10000, 12000, `<p begin="1s" end="2s">a</p>`)},
			timedtext.Options{}, []timedtext.Cue{cue(11000, 12000, "a", "")}, []string{"from each sample's start"},
		},
		"cues outside their sample and samples that cannot be read, which are told": {
			[]timedtext.Sample{sample(0, 2000, `<p begin="1s" end="2s">a</p><p begin="5s" end="6s">b</p>`), {Start: 2000 * ms, End: 4000 * ms, Data: []byte("<no>")}},
			timedtext.Options{}, []timedtext.Cue{cue(1000, 2000, "a", "")}, []string{"with 1 cue that lie outside the sample", "no tt element"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := timedtext.ParseSamples(c.samples, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			spoken := slices.Clone(got.Notes)
			for _, b := range got.Bad {
				spoken = append(spoken, b.Reason)
			}
			if diff := gocmp.Diff(c.want, got.Cues); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, words := range c.reports {
				if !strings.Contains(strings.Join(spoken, "\n"), words) {
					t.Errorf("nothing tells %q: %q", words, spoken)
				}
			}
			if len(c.reports) == 0 && len(spoken) > 0 {
				t.Errorf("told %q", spoken)
			}
		})
	}
	if _, err := timedtext.ParseSamples([]timedtext.Sample{sample(0, 1000, "")}, timedtext.Options{}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a track without words: %v", err)
	}
}
