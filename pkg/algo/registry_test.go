package algo_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

type plain struct{ spec *pb.AlgorithmSpec }

func (p plain) Spec() *pb.AlgorithmSpec                               { return p.spec }
func (plain) Annotate(context.Context, algo.Input, algo.Output) error { return nil }

type watching struct{ plain }

func (watching) Frames(*pb.Asset) media.FrameSpec { return media.FrameSpec{} }

func spec(name string, reads, needs, kinds []string) plain {
	return plain{&pb.AlgorithmSpec{Name: name, Version: "1", Reads: reads, Needs: needs, Kinds: kinds}}
}

func list(s ...string) []string { return s }

func TestRegistryRefuses(t *testing.T) {
	video := list("video")
	for name, c := range map[string]struct {
		algorithms []algo.Algorithm
		says       string
	}{
		"two of one name":         {[]algo.Algorithm{spec("a", video, nil, list("x")), spec("a", video, nil, list("y"))}, "two algorithms are called a"},
		"two that write one kind": {[]algo.Algorithm{spec("a", video, nil, list("x")), spec("b", video, nil, list("x"))}, `both write "x"`},
		"a need that nobody has":  {[]algo.Algorithm{spec("a", video, list("z"), list("x"))}, `"z", which no algorithm writes`},
		"a need of its own":       {[]algo.Algorithm{spec("a", video, list("x"), list("x"))}, "its own output"},
		"a circle":                {[]algo.Algorithm{spec("a", nil, list("z"), list("x")), spec("b", nil, list("x"), list("y")), spec("c", nil, list("y"), list("z"))}, "its own output"},
		"a bad name":              {[]algo.Algorithm{spec("A b", video, nil, list("x"))}, "name"},
		"hidden frames":           {[]algo.Algorithm{watching{spec("a", list("audio"), nil, list("x"))}}, "does not declare that it reads video"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := algo.NewRegistry(c.algorithms...)
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

func TestRunsAreDerived(t *testing.T) {
	reg, err := algo.NewRegistry(
		spec("labels", nil, list("pictures"), list("labels")),
		watching{spec("pictures", list("video"), list("shots"), list("pictures"))},
		spec("said", list("text"), nil, list("said")),
		watching{spec("shots", list("video"), nil, list("shots"))},
		spec("mood", nil, list("said", "shots"), list("mood")),
	)
	if err != nil {
		t.Fatal(err)
	}
	film := &pb.Asset{Id: "a", Sha256: "a", Video: &pb.VideoTrack{Frames: 10, Rate: &pb.FrameRate{Num: 25, Den: 1}}}
	names := func(a *pb.Asset) (string, map[string]*pb.Run) {
		t.Helper()
		runs, err := reg.Runs(a)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		byName := make(map[string]*pb.Run)
		for _, r := range runs {
			order = append(order, r.GetAlgorithm())
			byName[r.GetAlgorithm()] = r
		}
		return strings.Join(order, " "), byName
	}
	silent, before := names(film)
	if want := "shots pictures labels"; silent != want {
		t.Errorf("of a film without text: %s, want %s", silent, want)
	}
	film.Text = []*pb.TextTrack{{Language: "en", Sha256: "b"}}
	film.Title = &pb.Title{Name: "Another name"}
	all, after := names(film)
	if want := "shots pictures labels said mood"; all != want {
		t.Errorf("of a film with text: %s, want %s", all, want)
	}
	if before["labels"].GetId() != after["labels"].GetId() {
		t.Error("a new title and a new text track make new runs of what reads neither")
	}
	if got := after["mood"].GetInputs(); got["said"] != after["said"].GetId() || got["shots"] != after["shots"].GetId() {
		t.Errorf("mood reads %v", got)
	}
	film.Text = append(film.Text, &pb.TextTrack{Language: "de", Sha256: "c"})
	if _, again := names(film); again["said"].GetId() == after["said"].GetId() || again["mood"].GetId() == after["mood"].GetId() {
		t.Error("a new text track makes no new run of what reads it")
	}
	for name, want := range map[string]bool{"shots": true, "pictures": true, "labels": true, "said": false, "mood": false, "nobody": false} {
		if got := reg.Plan().WithFrames(name + "@1"); got != want {
			t.Errorf("WithFrames(%s) = %v", name, got)
		}
	}
}

func version(p plain, v string) plain {
	return plain{&pb.AlgorithmSpec{Name: p.spec.GetName(), Version: v, Reads: p.spec.GetReads(), Needs: p.spec.GetNeeds(), Kinds: p.spec.GetKinds(), Spaces: p.spec.GetSpaces()}}
}

// A candidate is nothing that arrivals get: it runs where it is asked for by version, and reads what current versions write.
func TestCandidates(t *testing.T) {
	shots, labels := spec("shots", list("video"), nil, list("shots")), spec("labels", nil, list("shots"), list("labels"))
	reg, err := algo.NewRegistry(shots, labels)
	if err != nil {
		t.Fatal(err)
	}
	second := version(labels, "2")
	with, err := reg.WithCandidates(second)
	if err != nil {
		t.Fatal(err)
	}
	asset := &pb.Asset{Id: "a", Video: &pb.VideoTrack{Frames: 1}}
	runs, err := with.Runs(asset)
	if err != nil || len(runs) != 2 || runs[1].GetVersion() != "1" {
		t.Errorf("arrivals get %v, %v", runs, err)
	}
	asked, err := with.Plan().Derive(asset, second.Spec())
	if err != nil || len(asked) != 2 || asked[0].GetAlgorithm() != "shots" || asked[1].GetVersion() != "2" {
		t.Fatalf("who asks for the candidate gets %v, %v", asked, err)
	}
	if asked[1].GetInputs()["shots"] != runs[0].GetId() || asked[1].GetId() == runs[1].GetId() {
		t.Errorf("the candidate's run is %v beside %v", asked[1], runs)
	}
	for ref, want := range map[string]algo.Algorithm{"labels": labels, "labels@1": labels, "labels@2": second} {
		if a, err := with.Find(ref); err != nil || a != want {
			t.Errorf("%s is %v, %v", ref, a, err)
		}
	}
	if _, err := with.Find("labels@3"); !errkind.Is(err, errkind.NotFound) || !strings.Contains(err.Error(), "labels@2") {
		t.Errorf("labels@3: %v", err)
	}
	if len(with.All()) != 2 || len(with.Versions()) != 3 || len(reg.Versions()) != 2 {
		t.Errorf("there are %d current ones of %d, before %d", len(with.All()), len(with.Versions()), len(reg.Versions()))
	}
	if _, err := with.WithCandidates(second); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a candidate twice: %v", err)
	}
	if _, err := reg.WithCandidates(spec("c", nil, list("nothing"), list("x"))); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a candidate that needs what nobody writes: %v", err)
	}
}
