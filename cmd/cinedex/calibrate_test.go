package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The command fits a calibration over the running platform, and --write puts the calibration in force without a restart.
func TestCalibrate(t *testing.T) {
	w := newWorld(t, t.TempDir())
	readRecording(t).fill(t, w.Store, w.Engine)
	var some []judged.Query
	for _, q := range readJudged(t, "films.yaml") {
		if q.Kind == "meaning" && strings.HasPrefix(q.Q, "dialogue:") || q.Q == "look:kite" || q.Q == "look:mariposa" {
			some = append(some, q)
		}
	}
	b, err := yaml.Marshal(map[string]any{"queries": some})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "judged.yaml")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(line ...string) (string, error) {
		return command(t, append([]string{"--home", w.home.dir}, line...)...)
	}
	inForce := func() *pb.CalibratedAnswer {
		t.Helper()
		client, _, err := w.home.operators()
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.GetCalibrations(w.ctx, connect.NewRequest(&pb.GetCalibrationsRequest{Algorithm: "sentences"}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Msg.GetAnswers()[0]
	}
	declared := inForce().GetCalibration()

	said, err := run("calibrate", "sentences", "--queries", file)
	if err != nil || !strings.Contains(said, "sentences@1, e5-small@1 for dialogue, any") || !strings.Contains(said, "withheld pairs: error") || !strings.Contains(said, "|") {
		t.Fatalf("%v\n%s", err, said)
	}
	if k := inForce(); k.GetFitted() != nil {
		t.Errorf("without --write, %v is in force", k)
	}
	said, err = run("calibrate", "sentences", "--queries", file, "--write", "--json")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var j jsonCalibration
	if err := json.Unmarshal([]byte(said), &j); err != nil {
		t.Fatal(err)
	}
	k := inForce()
	if f := j.Answers[0]; !j.Written || f.Pairs < 100 || f.Withheld < 50 || k.GetCalibration().GetMiddle() != f.Middle || k.GetCalibration().GetMiddle() == declared.GetMiddle() ||
		k.GetFitted().GetSetBy() == "" || k.GetFitted().GetPairs() != int64(f.Pairs) {
		t.Errorf("in force is %v, fitted was %+v", k, j)
	}
	// An answer has the new confidence at once.
	r := w.search(&pb.SearchRequest{Q: `dialogue.meaning:"did you get hurt when you fell"`, Limit: 1})
	h := r.GetHits()[0]
	want := judged.Curve{Middle: k.GetCalibration().GetMiddle(), Slope: k.GetCalibration().GetSlope()}.Confidence(h.GetEvidence()[0].GetScore())
	if got := float64(h.GetConfidence()); got < want-0.001 || got > want+0.001 {
		t.Errorf("the confidence is %.4f, want %.4f", got, want)
	}

	for _, c := range []struct {
		line []string
		exit int
		says string
	}{
		{[]string{"calibrate", "sentences"}, 2, "--queries"},
		{[]string{"calibrate", "dialogue", "--queries", file}, 2, "no space"},
		{[]string{"calibrate", "nobody", "--queries", file}, 3, "nobody"},
		{[]string{"calibrate", "pictures", "--queries", file}, 2, "judge more queries"},
	} {
		if _, err := run(c.line...); exitCode(err) != c.exit || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.line, err, c.says)
		}
	}
}

// Of a partial query, hits that nobody judged say nothing.
func TestJudgedHits(t *testing.T) {
	hit := func(from, to schema.Time) *pb.Hit {
		return &pb.Hit{Asset: "a", Start: int64(from * schema.Second), End: int64(to * schema.Second)}
	}
	moment := func(from, to schema.Time) *pb.JudgedMoment {
		return &pb.JudgedMoment{Asset: "a", Start: int64(from * schema.Second), End: int64(to * schema.Second)}
	}
	got := judgedHits([]*pb.Hit{hit(0, 2), hit(10, 12), hit(20, 22)}, []*pb.JudgedMoment{moment(10, 12), moment(20, 22)})
	if len(got) != 2 || got[0].GetStart() != int64(10*schema.Second) {
		t.Errorf("judged are %v", got)
	}
	if got := judgedHits([]*pb.Hit{hit(0, 2)}, nil); len(got) != 0 {
		t.Errorf("without judgements: %v", got)
	}
}
