package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/media/demofilm"
)

// A newcomer's walk is the measurements of web/tests/newcomer.figure.ts.
type newcomerWalk struct {
	Seconds float64      `json:"seconds"`
	Steps   []walkedStep `json:"steps"`
	File    string       `json:"file"`
	Asked   []string     `json:"asked"`
}

type walkedStep struct {
	Action  string  `json:"action"`
	Seconds float64 `json:"seconds"`
}

// TestFigureNewcomer: a newcomer finds, picks and exports the five moments of The Harbour by the page alone, in Chromium over the films of the
// demo. The exported timeline has the frames of the truth. NEWCOMER_HOME keeps the films and the library. Run scripts/web-test before, which
// installs Playwright.
func TestFigureNewcomer(t *testing.T) {
	figure.Begin(t, "page/newcomer")
	home := cmp.Or(os.Getenv("NEWCOMER_HOME"), t.TempDir())
	w := demoWorld(t, home)
	var walk newcomerWalk
	out := figure.Browser(t, "../../web/tests", "newcomer", &walk, "CINEDEX_WEB_URL="+w.server(), "CINEDEX_WEB_LINK="+w.pageURL())
	for i, s := range walk.Steps {
		fmt.Printf("%2d | %5.1f s | %s\n", i+1, s.Seconds, s.Action)
	}
	truth, err := demofilm.TruthOf()
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	want := make([][2]int64, 0, len(truth.Moments))
	for _, m := range truth.Moments {
		asked, want = append(asked, m.Ask), append(want, [2]int64{m.Start, m.End})
	}
	if !slices.Equal(walk.Asked, asked) {
		t.Errorf("the newcomer was asked for %q, and the truth has %q", walk.Asked, asked)
	}
	got := exportedFrames(t, out+".export")
	figure.Report(t, true, figure.Result{
		Name: "page/newcomer", Claim: "a newcomer finds, picks and exports five given moments of the demo by the page alone: ≤ 25 actions, ≤ 3 min, every in and out frame right",
		Measured: fmt.Sprintf("%d actions, %.0f s with 1 s of thinking before each action and 5 keys a second, frames %v of %v in %s", len(walk.Steps), walk.Seconds, got, want, walk.File),
		Pass:     len(walk.Steps) <= 25 && walk.Seconds <= 180 && slices.Equal(got, want),
	})
}

// demoWorld is the platform over the films of the demo, all watched.
func demoWorld(t *testing.T, home string) *world {
	t.Helper()
	quiet, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer quiet.Close()
	films, err := openFilms(&output{out: quiet, err: quiet}, testCache(t, "big-buck-bunny", "elephants-dream-en"), filepath.Join(home, "films"), false)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "home")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, dir, func(*upConfig) {}, films.dir)
	watched := filepath.Join(home, "watched")
	if _, err := os.Stat(watched); err == nil {
		return w
	}
	arrivals, err := films.quick(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	harbour, err := films.harbour(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.ingest(append(arrivals, harbour)...)
	if err := os.WriteFile(watched, nil, fs.FileMode(0o600)); err != nil {
		t.Fatal(err)
	}
	return w
}

// exportedFrames reads the clips of a timeline of OpenTimelineIO: the frames of the film, half-open. Times of the media begin at the start timecode.
func exportedFrames(t *testing.T, path string) [][2]int64 {
	t.Helper()
	type times struct {
		Start    struct{ Rate, Value float64 } `json:"start_time"`
		Duration struct{ Rate, Value float64 } `json:"duration"`
	}
	var timeline struct {
		Tracks struct {
			Children []struct {
				Children []struct {
					Schema     string `json:"OTIO_SCHEMA"`
					Source     times  `json:"source_range"`
					References map[string]struct {
						Available times  `json:"available_range"`
						Target    string `json:"target_url"`
					} `json:"media_references"`
				} `json:"children"`
			} `json:"children"`
		} `json:"tracks"`
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &timeline); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var out [][2]int64
	for _, track := range timeline.Tracks.Children {
		for _, c := range track.Children {
			media := c.References["DEFAULT_MEDIA"]
			if !strings.HasPrefix(c.Schema, "Clip.") || c.Source.Start.Rate != 24 || c.Source.Duration.Rate != 24 || !strings.Contains(media.Target, demofilm.Name) {
				t.Errorf("the clip %+v is no clip of the film", c)
				continue
			}
			start := int64(c.Source.Start.Value - media.Available.Start.Value)
			out = append(out, [2]int64{start, start + int64(c.Source.Duration.Value)})
		}
	}
	return out
}
