package runs_test

import (
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func declares(name, version string, reads, needs, kinds []string) *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: name, Version: version, Reads: reads, Needs: needs, Kinds: kinds}
}

func derived(t *testing.T, p *runs.Plan, list ...*pb.AlgorithmSpec) string {
	t.Helper()
	film := &pb.Asset{Id: "a", Audio: []*pb.AudioTrack{{}}}
	all, err := p.Derive(film, list...)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range all {
		ids = append(ids, r.GetAlgorithm()+"@"+r.GetVersion())
	}
	return strings.Join(ids, " ")
}

// Declarations come from outside: needs that nobody writes and circles of needs leave an algorithm out, and the readers of the algorithm.
func TestPlanLeavesOut(t *testing.T) {
	l := func(s ...string) []string { return s }
	hears := declares("hears", "1", l("audio"), nil, l("heard"))
	hears2 := declares("hears", "2", l("audio"), nil, l("heard"))
	reads := declares("reads", "1", nil, l("heard"), l("read"))
	orphan := declares("orphan", "1", l("audio"), l("nothing"), l("lonely"))
	child := declares("child", "1", nil, l("lonely"), nil)
	itself := declares("itself", "1", nil, l("echo"), l("echo"))
	one, two := declares("one", "1", nil, l("b"), l("a")), declares("two", "1", nil, l("a"), l("b"))
	behind := declares("behind", "1", nil, l("a", "heard"), nil)
	p := runs.NewPlan([]*pb.AlgorithmSpec{reads, hears, orphan, child, itself, one, two, behind}, []*pb.AlgorithmSpec{hears2})
	if got := derived(t, p, p.Current()...); got != "hears@1 reads@1" {
		t.Errorf("derived %s", got)
	}
	if got := derived(t, p, hears2); got != "hears@2" {
		t.Errorf("of the other version: %s", got)
	}
	for _, id := range []string{"one@1", "itself@1", "child@1", "none@1"} {
		if p.WithFrames(id) {
			t.Errorf("%s runs while a film is decoded", id)
		}
	}
	if _, err := p.Find("hears@3"); !errkind.Is(err, errkind.NotFound) || !strings.Contains(err.Error(), "hears@1, hears@2") {
		t.Errorf("hears@3: %v", err)
	}
	for ref, want := range map[string]*pb.AlgorithmSpec{"hears": hears, "hears@1": hears, "hears@2": hears2} {
		if s, err := p.Find(ref); err != nil || s != want {
			t.Errorf("%s is %v, %v", ref, s, err)
		}
	}
}
