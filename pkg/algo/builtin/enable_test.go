package builtin

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// written is an algorithm that is only its declaration.
type written struct{ spec *pb.AlgorithmSpec }

func (w written) Spec() *pb.AlgorithmSpec                                 { return w.spec }
func (w written) Annotate(context.Context, algo.Input, algo.Output) error { return nil }

func declared(name, version string, needs ...string) algo.Algorithm {
	return written{&pb.AlgorithmSpec{Name: name, Version: version, Summary: name, Reads: []string{schema.ReadsAudio}, Needs: needs, Kinds: []string{name}}}
}

// withSuite has the algorithms voices@1, voices@2 and speakers@1, which reads the kind voices, in the suite.
func withSuite(t *testing.T) *Models {
	t.Helper()
	was := suite
	t.Cleanup(func() { suite = was })
	suite = []versions{
		func(*algo.Models) []algo.Algorithm {
			return []algo.Algorithm{declared("voices", "1"), declared("voices", "2")}
		},
		func(*algo.Models) []algo.Algorithm { return []algo.Algorithm{declared("speakers", "1", "voices")} },
	}
	return Open(model.Cache{}, 1)
}

// Arriving media gets the algorithms that the list names. All others are candidates, for which a replay may ask by name.
func TestEnable(t *testing.T) {
	film := &pb.Asset{Id: "a", Sha256: "a", Audio: []*pb.AudioTrack{{}}, Video: &pb.VideoTrack{Frames: 10, Rate: &pb.FrameRate{Num: 25, Den: 1}}}
	// The default algorithms that run over media without text.
	ordinary := []string{"shots", "thumbnails", "pictures", "labels", "loudness", "fingerprint", "palette", "motion", "black", "scenes", "sprites", "waveform"}
	for _, c := range []struct {
		list    []string
		planned []string // of arriving media without text
		refused string
	}{
		{list: nil, planned: ordinary}, // as Open leaves the algorithms
		{list: []string{"default"}, planned: ordinary},
		{list: []string{"default", "suite"}, planned: append(slices.Clone(ordinary), "voices", "speakers")},
		{list: []string{"default", "voices"}, planned: append(slices.Clone(ordinary), "voices")},
		{list: []string{"voices", "shots"}, planned: []string{"shots", "voices"}},
		{list: []string{"default", "speakers"}, refused: `the algorithm speakers reads "voices" of the algorithm voices, which is not in the list: add voices`},
		{list: []string{"labels"}, refused: `the algorithm labels reads "efficientnet-lite2@1" of the algorithm pictures`},
		{list: []string{"defaults"}, refused: `no algorithm is called "defaults"; there are shots, thumbnails,`},
		{list: []string{""}, refused: "no algorithm is called"},
		{list: []string{}, refused: "names no algorithm"},
	} {
		m := withSuite(t)
		if c.list != nil {
			err := m.Enable(c.list...)
			if c.refused != "" {
				if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), c.refused) {
					t.Errorf("%q: %v, want a refusal with %s", c.list, err, c.refused)
				}
				continue
			}
			if err != nil {
				t.Errorf("%q: %v", c.list, err)
				continue
			}
		}
		registry, err := m.Algorithms()
		if err != nil {
			t.Fatalf("%q: %v", c.list, err)
		}
		known, err := catalog.New(m.Declarations()...)
		if err != nil {
			t.Fatalf("%q: %v", c.list, err)
		}
		for by, runs := range map[string]func(*pb.Asset) ([]*pb.Run, error){"registry": registry.Runs, "catalogue": known.View().Plan().Runs} {
			planned, err := runs(film)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range planned {
				got = append(got, r.GetAlgorithm())
			}
			want := slices.Sorted(slices.Values(c.planned))
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("%q: the %s plans %v for arriving media, want %v", c.list, by, got, want)
			}
		}
	}
}

// A replay asks for an algorithm that is not enabled, and gets the algorithms that it reads as well. The catalogue of a process that does not run
// the algorithms follows the announcement.
func TestReplayOfSuite(t *testing.T) {
	m := withSuite(t)
	film := &pb.Asset{Id: "a", Sha256: "a", Audio: []*pb.AudioTrack{{}}}
	elsewhere, err := catalog.New(m.Declarations()...) // the default algorithms are enabled
	if err != nil {
		t.Fatal(err)
	}
	spec, err := elsewhere.View().Plan().Find("speakers")
	if err != nil {
		t.Fatal(err)
	}
	runs, err := elsewhere.View().Plan().Derive(film, spec)
	if err != nil || len(runs) != 2 || runs[0].GetAlgorithm() != "voices" || runs[1].GetInputs()["voices"] != runs[0].GetId() {
		t.Errorf("derived are %v, %v", runs, err)
	}
	registry, err := m.Algorithms()
	if err != nil {
		t.Fatal(err)
	}
	if a, err := registry.Find("speakers"); err != nil || a.Spec().GetVersion() != "1" {
		t.Errorf("the registry: %v, %v", a, err)
	}
	gets := func(runs []*pb.Run) []string {
		var names []string
		for _, r := range runs {
			names = append(names, r.GetAlgorithm())
		}
		slices.Sort(names)
		return names
	}
	if planned, err := elsewhere.View().Plan().Runs(film); err != nil || !slices.Equal(gets(planned), []string{"loudness", "waveform"}) {
		t.Errorf("arriving media gets %v, %v", planned, err)
	}
	if err := m.Enable("default", "suite"); err != nil {
		t.Fatal(err)
	}
	for _, d := range m.Declarations() { // the announcements of a process that runs the suite
		if err := elsewhere.Put(d); err != nil {
			t.Fatal(err)
		}
	}
	planned, err := elsewhere.View().Plan().Runs(film)
	voice := slices.IndexFunc(planned, func(r *pb.Run) bool { return r.GetAlgorithm() == "voices" })
	if err != nil || !slices.Equal(gets(planned), []string{"loudness", "speakers", "voices", "waveform"}) || voice < 0 || planned[voice].GetVersion() != "1" {
		t.Errorf("after the announcement arriving media gets %v, %v", planned, err)
	}
}
