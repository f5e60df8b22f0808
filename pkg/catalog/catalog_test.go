package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// lines declares an algorithm that writes the kind "line", and the leaf "said" that asks for it.
func lines() *pb.AlgorithmAnnounced {
	return &pb.AlgorithmAnnounced{Algorithm: &pb.AlgorithmSpec{
		Name: "lines", Version: "1", Kinds: []string{"line"},
		KindSpecs: []*pb.KindSpec{{Kind: "line", Quoted: true, InLanguage: true}},
		Leaves:    []*pb.LeafSpec{{Name: "said", Aliases: []string{"s"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS}},
		Answers:   []*pb.AnswerSpec{{Leaves: []string{"said"}, Bare: true, By: "words", Kind: "line", Field: pb.AnswerField_ANSWER_FIELD_TEXT}},
	}}
}

// looks declares an algorithm that writes a space, which pictures and, by the leaf of another algorithm, words ask.
func looks(version string) *pb.AlgorithmAnnounced {
	space := "colours@" + version
	return &pb.AlgorithmAnnounced{SinceMs: 5, Algorithm: &pb.AlgorithmSpec{
		Name: "looks", Version: version, Spaces: []*pb.Space{{Name: "colours", Version: version, Dimension: 3, Metric: "cosine", Encoders: []string{"text", "picture"}}},
		Leaves: []*pb.LeafSpec{{Name: "alike", Shape: pb.LeafShape_LEAF_SHAPE_PICTURE}},
		Answers: []*pb.AnswerSpec{
			{Leaves: []string{"alike"}, By: "picture", Kind: "line", Space: space, Calibration: &pb.Calibration{Middle: 0.5, Slope: 10}},
			{Leaves: []string{"said"}, Bare: true, By: "meaning", Kind: "line", Space: space, Calibration: &pb.Calibration{Middle: 0.2, Slope: 10}},
		},
	}}
}

// other declares an algorithm without claims in common with those above.
func other() *pb.AlgorithmAnnounced {
	return &pb.AlgorithmAnnounced{SinceMs: 7, Algorithm: &pb.AlgorithmSpec{Name: "other", Version: "1", Kinds: []string{"thing"}}}
}

func fresh(t *testing.T, builtin ...*pb.AlgorithmAnnounced) *catalog.Catalog {
	t.Helper()
	c, err := catalog.New(builtin...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sources are how a leaf is answered, in order.
func sources(v *catalog.View, leaf string) (out []string) {
	if l := v.Leaf(leaf); l != nil {
		for _, s := range l.Sources {
			out = append(out, s.Algorithm+"/"+s.GetBy())
		}
	}
	return out
}

func TestLeavesAreLinked(t *testing.T) {
	c := fresh(t, lines())
	if err := c.Put(looks("1")); err != nil {
		t.Fatal(err)
	}
	v := c.View()
	for leaf, want := range map[string][]string{
		"said": {"lines/words", "looks/meaning"}, "alike": {"looks/picture"}, "any": {"lines/words", "looks/meaning"}, "nothing": nil, "s": nil,
	} {
		if got := sources(v, leaf); !slices.Equal(got, want) {
			t.Errorf("%s is answered by %v, want %v", leaf, got, want)
		}
	}
	if got := v.LeafNames(); !slices.Equal(got, []string{"alike", "any", "said"}) {
		t.Errorf("leaves %v", got)
	}
	if leaf, shape := v.Spelled("s"); leaf != "said" || shape != pb.LeafShape_LEAF_SHAPE_WORDS {
		t.Errorf("s is spelled %s, %s", leaf, shape)
	}
	if v.Short("said") != "s" || v.Short("alike") != "alike" {
		t.Errorf("short names %s and %s", v.Short("said"), v.Short("alike"))
	}
	if k := v.Leaf("said").Sources[1].About; !k.GetQuoted() || k.Algorithm != "lines" {
		t.Errorf("meaning is about %v", k)
	}
}

// An answer to a leaf that is declared later is asked from then on, whatever came first.
func TestOrderOfArrival(t *testing.T) {
	all := []*pb.AlgorithmAnnounced{lines(), looks("1"), other()}
	want := ""
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		c := fresh(t)
		for _, i := range order {
			if err := c.Put(all[i]); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, l := range c.View().Leaves() {
			got = append(got, l.GetName()+"="+strings.Join(sources(c.View(), l.GetName()), ","))
		}
		if s := strings.Join(got, " "); want == "" {
			want = s
		} else if s != want {
			t.Errorf("in the order %v: %s, want %s", order, s, want)
		}
	}
}

func TestConflicts(t *testing.T) {
	for name, change := range map[string]func(s *pb.AlgorithmSpec){
		`the kind "line"`: func(s *pb.AlgorithmSpec) { s.Kinds = append(s.Kinds, "line") },
		`the leaf "said"`: func(s *pb.AlgorithmSpec) { s.Leaves = append(s.Leaves, lines().GetAlgorithm().GetLeaves()...) },
		`the leaf "s"`: func(s *pb.AlgorithmSpec) {
			s.Leaves = []*pb.LeafSpec{{Name: "s", Shape: pb.LeafShape_LEAF_SHAPE_WORDS}}
		},
		`the space "colours`: func(s *pb.AlgorithmSpec) { s.Spaces = looks("1").GetAlgorithm().GetSpaces() },
	} {
		t.Run(name, func(t *testing.T) {
			a := other()
			change(a.GetAlgorithm())
			first, second := fresh(t, lines()), fresh(t, lines())
			for _, put := range []struct {
				in *catalog.Catalog
				of []*pb.AlgorithmAnnounced
			}{{first, []*pb.AlgorithmAnnounced{looks("1"), a}}, {second, []*pb.AlgorithmAnnounced{a, looks("1")}}} {
				for _, d := range put.of {
					_ = put.in.Put(d)
				}
				err := put.in.View().Refused()["other@1"]
				if !errkind.Is(err, errkind.Conflict) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "other@1") {
					t.Errorf("refused with %v", err)
				}
				if len(put.in.View().Refused()) != 1 {
					t.Errorf("refused %v", put.in.View().Refused())
				}
			}
			if err := first.Check(a); !errkind.Is(err, errkind.Conflict) {
				t.Errorf("checked: %v", err)
			}
			// A refused declaration claims nothing, and is taken once the claim is free.
			first.Remove("looks@1")
			if strings.Contains(name, "space") && len(first.View().Refused()) != 0 {
				t.Errorf("still refused: %v", first.View().Refused())
			}
		})
	}
}

// A later version of an algorithm claims the same. Its declarations count, and an older space keeps its calibration.
func TestVersions(t *testing.T) {
	c := fresh(t, lines())
	two := looks("2")
	two.SinceMs = 9
	two.GetAlgorithm().Answers[1].Calibration = &pb.Calibration{Middle: 0.3, Slope: 10}
	for _, d := range []*pb.AlgorithmAnnounced{two, looks("1")} {
		if err := c.Put(d); err != nil {
			t.Fatal(err)
		}
	}
	s := c.View().Leaf("said").Sources[1]
	if s.GetSpace() != "colours@2" || s.CalibrationOf("colours@2").GetMiddle() != 0.3 || s.CalibrationOf("colours@1").GetMiddle() != 0.2 || s.CalibrationOf("colours@3").GetMiddle() != 0.3 {
		t.Errorf("the source asks %s", s.GetSpace())
	}
	if got := c.View().SpacesOf("looks", "1"); !slices.Equal(got, []string{"colours@1"}) {
		t.Errorf("version 1 writes %v", got)
	}
	// A candidate counts where no other version declares the same.
	candidate := proto.CloneOf(two)
	candidate.Candidate = true
	if err := c.Put(candidate); err != nil {
		t.Fatal(err)
	}
	if s := c.View().Leaf("said").Sources[1]; s.GetSpace() != "colours@1" {
		t.Errorf("beside a candidate the source asks %s", s.GetSpace())
	}
}

// An announced version takes the place of the built-in one, and gives it back.
func TestAnnouncedReplacesBuiltIn(t *testing.T) {
	c := fresh(t, lines())
	next := lines()
	next.SinceMs, next.GetAlgorithm().Leaves[0].Aliases = 100, []string{"spoken"}
	if err := c.Put(next); err != nil {
		t.Fatal(err)
	}
	if leaf, _ := c.View().Spelled("spoken"); leaf != "said" {
		t.Errorf("spoken is spelled %s", leaf)
	}
	// The built-in version keeps its claims against later algorithms.
	thief := other()
	thief.GetAlgorithm().Kinds = []string{"line"}
	if err := c.Put(thief); !errkind.Is(err, errkind.Conflict) {
		t.Errorf("a later algorithm took the kind of a built-in one: %v", err)
	}
	c.Remove("lines@1")
	if leaf, _ := c.View().Spelled("spoken"); leaf != "spoken" {
		t.Errorf("spoken is spelled %s after it was withdrawn", leaf)
	}
}

func TestRefusedDeclarations(t *testing.T) {
	for want, change := range map[string]func(s *pb.AlgorithmSpec){
		"means something else in a query": func(s *pb.AlgorithmSpec) { s.Leaves[0].Name = "title" },
		"small letters":                   func(s *pb.AlgorithmSpec) { s.Leaves[0].Aliases = []string{"Said"} },
		"another leaf of the same":        func(s *pb.AlgorithmSpec) { s.Leaves[0].Aliases = []string{"said"} },
		"no engine keeps numbers":         func(s *pb.AlgorithmSpec) { s.Leaves[0].Shape = pb.LeafShape_LEAF_SHAPE_RANGE },
		"shape: is required":              func(s *pb.AlgorithmSpec) { s.Leaves[0].Shape = 0 },
		"among the kinds":                 func(s *pb.AlgorithmSpec) { s.Answers[0].Kind = "picture" },
		"must be the text or the label":   func(s *pb.AlgorithmSpec) { s.Answers[0].Field = 0 },
		"among the spaces":                func(s *pb.AlgorithmSpec) { s.Answers[0].Space = "e5@1" },
		"described once":                  func(s *pb.AlgorithmSpec) { s.KindSpecs = append(s.KindSpecs, s.KindSpecs[0]) },
		"at most 64":                      func(s *pb.AlgorithmSpec) { s.Leaves = make([]*pb.LeafSpec, 100) },
		"second_to":                       func(s *pb.AlgorithmSpec) { s.Answers[0].SecondTo = s.Answers[0].Kind },
		"must be another kind":            func(s *pb.AlgorithmSpec) { s.Answers[0].SecondTo = "line" },
		"for an answer with second_to":    func(s *pb.AlgorithmSpec) { s.Answers[0].Trust = 0.5 },
		"must be from 0 to 1":             func(s *pb.AlgorithmSpec) { s.Answers[0].SecondTo, s.Answers[0].Trust = "cue", 1.5 },
		"name a leaf, or bare":            func(s *pb.AlgorithmSpec) { s.Answers[0].Leaves, s.Answers[0].Bare = nil, false },
		"neither \"audio\" nor \"video\"": func(s *pb.AlgorithmSpec) { s.Sound = &pb.SoundSpec{Rate: 16000} },
		"must be 4000 to 192000":          func(s *pb.AlgorithmSpec) { s.Reads, s.Sound = []string{"audio"}, &pb.SoundSpec{Rate: 1} },
		"does not have \"video\"":         func(s *pb.AlgorithmSpec) { s.Frames = &pb.FramesSpec{Width: 100} },
	} {
		a := lines()
		change(a.GetAlgorithm())
		if err := fresh(t).Put(a); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	// Declarations which are valid alone, and name a leaf of another shape.
	for want, change := range map[string]func(s *pb.AlgorithmSpec){
		"which no algorithm declares": func(s *pb.AlgorithmSpec) { s.Answers[0].Leaves = []string{"sung"} },
		"has no encoder of picture":   func(s *pb.AlgorithmSpec) { s.Spaces[0].Encoders = []string{"text"} },
	} {
		a := looks("1")
		change(a.GetAlgorithm())
		c := fresh(t, lines())
		if err := c.Check(a); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if err := c.Put(a); err != nil { // the leaf may be declared later
			t.Errorf("%s: %v", want, err)
		}
	}
}

// Arriving assets get the newest version that is no candidate; a version whose runs wait for a runner only where no other version is served.
func TestPlanOfTheCatalogue(t *testing.T) {
	c := fresh(t, lines())
	put := func(version string, since int64, candidate, waits bool) {
		t.Helper()
		a := lines()
		a.SinceMs, a.Candidate, a.Waits, a.GetAlgorithm().Version = since, candidate, waits, version
		if err := c.Put(a); err != nil {
			t.Fatal(err)
		}
	}
	want := func(version string) {
		t.Helper()
		planned, err := c.View().Plan().Runs(&pb.Asset{Id: "a"})
		if err != nil || len(planned) != 1 || planned[0].GetVersion() != version {
			t.Errorf("planned is %v, %v, want version %s", planned, err, version)
		}
	}
	want("1")
	put("2", 10, false, false)
	want("2")
	put("3", 20, true, false)
	want("2")
	put("2", 10, false, true)
	want("1")
	if !c.View().Entry("lines@2").Waits || c.View().Entry("lines@4") != nil {
		t.Errorf("entries %v, %v", c.View().Entry("lines@2"), c.View().Entry("lines@4"))
	}
	put("1", 0, false, true)
	want("2")
	c.Remove("lines@2")
	want("1")
}
