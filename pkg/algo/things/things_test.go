package things

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/centernet"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/raster"
)

func TestWords(t *testing.T) {
	for want, c := range map[string]struct {
		sort string
		n    int
	}{
		"one person": {"person", 1}, "two people": {"person", 2}, "many people": {"person", 5}, "a cup": {"cup", 1}, "four cups": {"cup", 4},
		"an animal": {"animal", 1}, "three animals": {"animal", 3}, "skis": {"skis", 1}, "two buses": {"bus", 2}, "many wine glasses": {"wine glass", 9},
	} {
		if got := words(c.sort, c.n); got != want {
			t.Errorf("%d of %s are %q, want %q", c.n, c.sort, got, want)
		}
	}
}

// The count of a shot is that of two frames. A thing of a single frame must be sure.
func TestFound(t *testing.T) {
	frame := func(n int64, things ...sighting) byshot.Pick[[]sighting] {
		return byshot.Pick[[]sighting]{Frame: n, Value: things}
	}
	thing := func(sort string, score float32) sighting { return sighting{sort: sort, score: score} }
	for name, c := range map[string]struct {
		picks []byshot.Pick[[]sighting]
		want  []string
	}{
		"a frame with one more": {[]byshot.Pick[[]sighting]{
			frame(0, thing("person", 0.6), thing("person", 0.5)), frame(12, thing("person", 0.7), thing("person", 0.5)), frame(24, thing("person", 0.6), thing("person", 0.4), thing("person", 0.4))},
			[]string{"2 person 0.7"}},
		"a glimpse":      {[]byshot.Pick[[]sighting]{frame(0, thing("cup", 0.4)), frame(12), frame(24)}, nil},
		"a sure glimpse": {[]byshot.Pick[[]sighting]{frame(0, thing("cup", 0.6)), frame(12), frame(24)}, []string{"1 cup 0.6"}},
		"a single frame": {[]byshot.Pick[[]sighting]{frame(0, thing("cup", 0.4), thing("person", 0.4))}, []string{"1 cup 0.4", "1 person 0.4"}},
		"the surest first": {[]byshot.Pick[[]sighting]{frame(0, thing("cup", 0.4), thing("person", 0.9)), frame(12, thing("cup", 0.5), thing("person", 0.4))},
			[]string{"1 person 0.9", "1 cup 0.5"}},
		"nothing": {nil, nil},
	} {
		var got []string
		for _, f := range found(c.picks) {
			got = append(got, fmt.Sprintf("%d %s %v", f.count, f.sort, f.best.score))
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func open(t *testing.T) (*centernet.Model, model.Cache) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := centernet.Open(cache, 1)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, cache
}

// truth is a picture with the things that are seen, by sort. Sorts after a slash may be told, and need not.
type truth struct{ picture, things string }

var (
	known = []truth{
		{"photo-astronaut", "1 person"}, {"photo-coffee", "1 cup, 1 dining table / spoon"}, {"photo-portrait", "1 person / tie"}, {"photo-group-1", "3 person, 1 wine glass / chair"},
		{"photo-group-2", "3 person, 1 cell phone / couch"}, {"photo-group-3", "3 person, 1 cup / couch"}, {"photo-china", ""}, {"big-buck-bunny@30", ""}, {"big-buck-bunny@80", ""}, {"big-buck-bunny@130", "/ animal"},
	}
	withheld = []truth{
		{"photo-cat", "1 animal"}, {"photo-camera", "1 person"}, {"photo-rocket", ""}, {"photo-group-4", "4 person"}, {"photo-group-5", "5 person"}, {"photo-group-6", "4 person / potted plant"},
		{"photo-address", "1 person / tie"}, {"photo-visit", "1 person, 1 tie"}, {"photo-flower", "/ potted plant"}, {"bikes@0", "/ person, bicycle"}, {"bikes@5", "1 person, 1 bicycle"},
		{"big-buck-bunny@260", "/ animal, bird"}, {"big-buck-bunny@330", "/ animal"}, {"big-buck-bunny@450", "/ animal"},
	}
)

// A table counts what is told of pictures.
type table struct {
	right, wrong, missed int // sorts
	counted, people      int // pictures of people whose number is right, of all
	notes                []string
}

func (tb *table) add(name string, wanted string, got []finding) {
	must, may, _ := strings.Cut(wanted, "/")
	want := map[string]int{}
	for part := range strings.SplitSeq(must, ",") {
		var n int
		if number, sort, ok := strings.Cut(strings.TrimSpace(part), " "); ok {
			if _, err := fmt.Sscan(number, &n); err == nil {
				want[sort] = n
			}
		}
	}
	var told []string
	for _, f := range got {
		told = append(told, fmt.Sprintf("%s %.2f", words(f.sort, f.count), f.best.score))
		n, seen := want[f.sort]
		switch {
		case seen:
			tb.right++
			if f.sort == "person" && n == f.count {
				tb.counted++
			}
		case !slices.Contains(strings.Split(strings.ReplaceAll(may, ", ", ","), ","), f.sort) && !strings.Contains(may, " "+f.sort):
			tb.wrong++
		}
	}
	if want["person"] > 0 {
		tb.people++
	}
	for sort := range want {
		if !slices.ContainsFunc(got, func(f finding) bool { return f.sort == sort }) {
			tb.missed++
		}
	}
	tb.notes = append(tb.notes, fmt.Sprintf("%s: %s", name, strings.Join(told, ", ")))
}

// picture returns a photograph, or the frame at a second of a film.
func picture(t *testing.T, cache model.Cache, name string) raster.Picture {
	t.Helper()
	id, second, film := strings.Cut(name, "@")
	if !film {
		return modeltest.Photo(t, cache, id)
	}
	path, err := cache.Require(id)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	ffmpeg, _ := modeltest.Tools(t, cache)
	still := filepath.Join(t.TempDir(), "still.png")
	if out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-ss", second, "-i", path, "-frames:v", "1", "-vf", "scale=640:-2", still).CombinedOutput(); err != nil {
		t.Fatalf("making a still: %v: %s", err, out)
	}
	f, err := os.Open(still)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return raster.Of(img)
}

func tell(t *testing.T, m *centernet.Model, cache model.Cache, pictures []truth) table {
	t.Helper()
	var tb table
	for _, p := range pictures {
		seen, err := sightings(t.Context(), m, picture(t, cache, p.picture))
		if err != nil {
			t.Fatal(err)
		}
		tb.add(p.picture, p.things, found([]byshot.Pick[[]sighting]{{Value: seen}}))
	}
	t.Log(strings.Join(tb.notes, "\n"))
	return tb
}

// Of the photographs that the tests of the suite have, every person, cup and animal is told, and nothing else.
func TestPhotographs(t *testing.T) {
	m, cache := open(t)
	tb := tell(t, m, cache, []truth{
		{"photo-astronaut", "1 person"}, {"photo-coffee", "1 cup / dining table"}, {"photo-cat", "1 animal"}, {"photo-camera", "1 person"}, {"photo-rocket", ""}, {"photo-portrait", "1 person"},
		{"big-buck-bunny@30", ""},
	})
	if tb.wrong > 0 || tb.missed > 0 || tb.counted != tb.people {
		t.Errorf("%+v", tb)
	}
}

// The bounds were chosen by the known pictures.
func TestFigureThings(t *testing.T) {
	figure.Begin(t, "things/photographs")
	m, cache := open(t)
	for name, set := range map[string][]truth{"known": known, "withheld": withheld} {
		tb := tell(t, m, cache, set)
		figure.Report(t, false, figure.Result{Name: "things/photographs", Claim: "sorts of things in single photographs and frames: ≥ 0.9 of the told are there, ≥ 0.7 of those there are told; " + name + " pictures",
			Measured: fmt.Sprintf("right %d, wrong %d, missed %d; the number of people is right in %d of %d", tb.right, tb.wrong, tb.missed, tb.counted, tb.people),
			Pass:     10*tb.right >= 9*(tb.right+tb.wrong) && 10*tb.right >= 7*(tb.right+tb.missed), Note: strings.Join(tb.notes, "; ")})
	}
}
