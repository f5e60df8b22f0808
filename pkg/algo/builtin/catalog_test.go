package builtin_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The declarations of the algorithms of Cinedex make one catalogue, in which every answer reaches a leaf.
func TestDeclarations(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range builtin.Declarations() {
		if err := known.Check(d); err != nil {
			t.Error(err)
		}
	}
	for leaf, want := range map[string][]string{
		"any":         {"cast/words", "chapters/words", "chapters/words", "dialogue/words", "sentences/meaning", "labels/words", "palette/words", "motion/words", "gallery/words", "palette/words", "persons/words", "screentext/words", "pictures/picture", "things/words", "transcript/words"},
		"dialogue":    {"dialogue/words", "sentences/meaning", "transcript/words"},
		"label":       {"labels/words"},
		"like_text":   {"pictures/picture", "chapters/words", "labels/words", "palette/words", "motion/words", "palette/words", "persons/words", "things/words"},
		"like_image":  {"pictures/picture"},
		"like_frame":  {"pictures/picture"},
		"like_shot":   {"pictures/picture"},
		"footage":     {"fingerprint/fingerprint"},
		"person":      {"persons/words", "gallery/words"},
		"same_person": {"persons/face"},
		"speaker":     {"speakers/words", "cast/words"},
		"same_voice":  {"speakers/voice"},
	} {
		var got []string
		for _, s := range known.View().Leaf(leaf).Sources {
			if len(s.GetInsteadOf()) == 0 { // the extras: TestExtras
				got = append(got, s.Algorithm+"/"+s.GetBy())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is answered by %v, want %v", leaf, got, want)
		}
	}
}

// The guide lists every declared leaf: the shortest name first, with the full name beside.
func TestLeavesAreInTheGuide(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../../docs/guides/query-language.md")
	if err != nil {
		t.Fatal(err)
	}
	v := known.View()
	want := map[string]bool{}
	for _, l := range v.Leaves() {
		if l.GetName() == catalog.Bare {
			continue
		}
		first := "`" + v.Short(l.GetName()) + ":`"
		if short := v.Short(l.GetName()); short != l.GetName() {
			first += " (`" + l.GetName() + ":`)"
		}
		want[first] = true
	}
	got := map[string]bool{}
	_, table, _ := strings.Cut(string(guide), "| leaf | takes | finds |\n|---|---|---|\n")
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "|") {
			break
		}
		if cell := strings.TrimSpace(strings.Split(row, "|")[1]); !strings.HasPrefix(cell, "words alone") {
			got[cell] = true
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the guide lists %v, and the algorithms declare %v", got, want)
	}
	kinds := map[string]bool{}
	for _, l := range v.Leaves() {
		for _, s := range l.Sources {
			kinds[s.GetKind()] = true
		}
	}
	var list []string
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, "`"+k+"`")
	}
	if row := "| `kind:dialogue` | kinds of annotation: " + strings.Join(list, ", ") + " |"; !strings.Contains(string(guide), row) {
		t.Errorf("the guide has no row %s", row)
	}
}

// The catalogue plans the runs that the registry plans: a run that was recorded before the catalogue planned keeps its identity.
func TestCataloguePlansAsTheRegistry(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := builtin.Open(model.Cache{}, 1).Algorithms()
	if err != nil {
		t.Fatal(err)
	}
	film := &pb.Asset{Id: "a", Sha256: "a", Video: &pb.VideoTrack{Frames: 10, Rate: &pb.FrameRate{Num: 25, Den: 1}}, Text: []*pb.TextTrack{{Language: "en", Sha256: "b"}}}
	ids := func(p *runs.Plan) map[string]string {
		all, err := p.Runs(film)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, r := range all {
			id := r.GetAlgorithm() + "@" + r.GetVersion()
			out[id] = r.GetId()
			if !p.WithFrames(id) == slices.Contains([]string{"shots@2", "thumbnails@1", "pictures@1", "labels@1", "fingerprint@1", "palette@1", "motion@1", "black@1", "scenes@1", "sprites@1"}, id) {
				t.Errorf("WithFrames(%s) is %v", id, p.WithFrames(id))
			}
		}
		return out
	}
	want, got := ids(registry.Plan()), ids(known.View().Plan())
	if len(want) != 13 || !maps.Equal(got, want) {
		t.Errorf("planned are %v, want %v", got, want)
	}
}
