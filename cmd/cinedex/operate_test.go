package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/operating"
)

// does runs a command line against the world, and returns the output.
func (w *world) does(line ...string) (string, error) {
	w.t.Helper()
	out, err := os.Create(filepath.Join(w.t.TempDir(), "out"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer out.Close()
	way, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer way.Close()
	root := newRoot(out, way)
	root.SetArgs(append([]string{"--home", w.home.dir}, line...))
	failed := root.ExecuteContext(w.ctx)
	b, err := os.ReadFile(out.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b), failed
}

// told is does with --json, and reads the output into v.
func (w *world) told(v any, line ...string) {
	w.t.Helper()
	out, err := w.does(append(line, "--json")...)
	if err != nil {
		w.t.Fatalf("cinedex %s: %v\n%s", strings.Join(line, " "), err, out)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		w.t.Fatalf("cinedex %s: %v\n%s", strings.Join(line, " "), err, out)
	}
}

// secondTookMs is how long the runs of second took.
const secondTookMs = 1500

// second leaves a second version of an algorithm as a backfill does: finished, indexed and held. Each line ends in a word of the version's own.
func (w *world) second(asset *pb.Asset, algorithm, word string) *pb.Run {
	w.t.Helper()
	as := w.annotations(asset.GetId(), algorithm)
	r := &pb.Run{Asset: asset.GetId(), Algorithm: algorithm, Version: "2", State: pb.RunState_RUN_STATE_REQUESTED, Hold: true}
	r.Id = schema.RunID(r)
	var next []*pb.Annotation
	for i, a := range as {
		a = proto.CloneOf(a)
		a.Run, a.Ordinal, a.Text = r.GetId(), int64(i), a.GetText()+" "+word
		next = append(next, a)
	}
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	_, err := w.Store.CreateRun(w.ctx, r)
	must(err)
	must(w.Store.WriteBatches(w.ctx, []store.Batch{{Asset: r.GetAsset(), Run: r.GetId(), Epoch: 1, Annotations: next}}))
	must(w.Engine.Write(w.ctx, search.Batch{Annotations: next}))
	must(w.Store.MarkIndexed(w.ctx, []store.Marker{{Asset: r.GetAsset(), Run: r.GetId(), Epoch: 1, Part: store.PartAnnotations, Count: int64(len(next))}}))
	r.State, r.Epoch, r.Annotations, r.TookMs = pb.RunState_RUN_STATE_FINISHED, 1, int64(len(next)), secondTookMs
	must(w.Store.FinishRun(w.ctx, r))
	return r
}

// TestOperatorsCommands does an operator's work, command by command, over a film after its whole way through the
// services.
func TestOperatorsCommands(t *testing.T) {
	dir := t.TempDir()
	m, _ := film(t, shortFilm(0), dir)
	w := newWorld(t, t.TempDir(), dir)
	w.ingest(m)
	title := m.GetTitle().GetId()
	asset := w.asset(title)
	lines := w.annotations(asset.GetId(), "dialogue")
	if len(lines) == 0 {
		t.Fatal("nothing is said in the film")
	}
	next := w.second(asset, "dialogue", "zeppelin")

	var listed struct{ Runs []jsonListedRun }
	w.told(&listed, "runs", "list", "--algorithm", "dialogue", "--title", title)
	if len(listed.Runs) != 2 {
		t.Fatalf("listed %+v", listed.Runs)
	}
	seen := ""
	for _, r := range listed.Runs {
		if r.Active {
			seen = r.Version
		}
		if second := r.Version == "2"; r.Active == second || r.Held != second || r.State != "finished" {
			t.Errorf("listed %+v", r)
		}
	}
	if out, err := w.does("runs", "show", next.GetId()[:12]); err != nil || !strings.Contains(out, next.GetId()) || !strings.Contains(out, "waits") {
		t.Errorf("show: %v\n%s", err, out)
	}

	// Compared before the switch: a query with an answer in version 2 only, a query with answers in both versions, a
	// query with right answers in the file.
	first := lines[0]
	judged := filepath.Join(dir, "judged.yaml")
	yaml := fmt.Sprintf("queries:\n  - q: dialogue.words:zeppelin\n    right:\n      - {title: %s, from: %gs, to: %gs}\n  - q: 'look:\"a harbour\"'\n",
		title, schema.Time(first.GetStart()).Seconds(), schema.Time(first.GetEnd()).Seconds())
	if err := os.WriteFile(judged, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var compared jsonComparison
	w.told(&compared, "runs", "compare", "dialogue", seen, "2", "--queries", judged)
	if q := compared.Queries[0]; q.FromHits != 0 || q.ToHits == 0 || !q.Judged || q.ToMRR == 0 || q.FromMRR != 0 || q.Overlap != 0 {
		t.Errorf("compared: %+v", q)
	}
	if q := compared.Queries[1]; q.Judged || q.Overlap != 1 {
		t.Errorf("compared: %+v", q)
	}
	minutes := schema.Time(asset.GetDuration()).Seconds() / 60
	if want := secondTookMs / 1000.0 / minutes; math.Abs(compared.ToCost-want) > 1e-9 {
		t.Errorf("the second version costs %v s a minute, want %v", compared.ToCost, want)
	}
	if out, err := w.does("runs", "compare", "dialogue", seen, "2", "--queries", judged); err != nil || !strings.Contains(out, "all 2, 1 judged") || !strings.Contains(out, "execution: ") {
		t.Errorf("compared: %v\n%s", err, out)
	}

	finds := func(want bool) {
		t.Helper()
		if r := w.search(&pb.SearchRequest{Q: "dialogue.words:zeppelin"}); len(r.GetHits()) > 0 != want {
			t.Errorf("finds %d hits of version 2, want some: %t", len(r.GetHits()), want)
		}
	}
	finds(false)
	if out, err := w.does("runs", "activate", "dialogue@2", "--dry-run"); err != nil || !strings.Contains(out, "switches 1 assets to dialogue@2") {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	finds(false)
	var j jobJSON
	w.told(&j, "runs", "activate", "dialogue@2", "--yes", "--wave", "0.5")
	finds(true)
	if !strings.Contains(strings.Join(j.Notes, "\n"), "switched 1 assets; 0 could not be") || !strings.Contains(strings.Join(j.Notes, "\n"), "sentences@") {
		t.Errorf("notes %q", j.Notes)
	}
	w.told(&j, "runs", "rollback", "dialogue@2", "--yes")
	finds(false)
	if _, err := w.does("runs", "activate", "dialogue@7"); !errkind.Is(err, errkind.NotFound) && kindOf(err) != errkind.NotFound {
		t.Errorf("a version that is not there: %v", err)
	}
	if out, err := w.does("runs", "gc", "--dry-run"); err != nil || !strings.Contains(out, "deletes 0 runs") {
		t.Errorf("gc: %v\n%s", err, out)
	}

	// Damage is found, mended, and a rebuild leaves nothing to be found.
	if out, err := w.does("verify", "--log"); err != nil || !strings.Contains(out, "0 items missing in the search engine, 0 different") || !strings.Contains(out, "0 assets, 0 ends of runs and 0 items are in it and not in the store") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	if err := w.Engine.TrimRun(w.ctx, first.GetRun(), 1, 0); err != nil {
		t.Fatal(err)
	}
	damage := fmt.Sprintf("%d items missing", len(lines)-1)
	if out, err := w.does("verify", "--title", title); exitCode(err) != 1 || !strings.Contains(out, damage) {
		t.Errorf("verify: exit code %d, %v\n%s, want %s", exitCode(err), err, out, damage)
	}
	if out, err := w.does("repair", "--yes"); err != nil || !strings.Contains(out, "mended 1 runs, left 0") {
		t.Errorf("repair: %v\n%s", err, out)
	}
	if out, err := w.does("verify"); err != nil {
		t.Errorf("verify after a repair: %v\n%s", err, out)
	}
	if err := w.Engine.DeleteRun(w.ctx, first.GetRun()); err != nil {
		t.Fatal(err)
	}
	if out, err := w.does("rebuild", "--yes"); err != nil || !strings.Contains(out, "and swapped it in") {
		t.Errorf("rebuild: %v\n%s", err, out)
	}
	if out, err := w.does("verify"); err != nil {
		t.Errorf("verify after a rebuild: %v\n%s", err, out)
	}

	// On demand: files whose checksums hold.
	results := filepath.Join(t.TempDir(), "results")
	var got struct {
		Batch string
		Files []jsonResultFile
	}
	w.told(&got, "batch", "submit", "--algorithm", "dialogue", "--algorithm", "labels", "--title", title, "--get", results)
	if len(got.Files) != 3 {
		t.Errorf("files %+v", got.Files)
	}
	var manifest operating.Manifest
	b, err := os.ReadFile(filepath.Join(results, operating.ManifestName))
	if err == nil {
		err = json.Unmarshal(b, &manifest)
	}
	if err != nil || manifest.Job != got.Batch || len(manifest.Algorithms) != 2 {
		t.Errorf("manifest %+v, %v", manifest, err)
	}
	if out, err := w.does("batch", "list", "--all"); err != nil || !strings.Contains(out, got.Batch) || !strings.Contains(out, "finished") {
		t.Errorf("batch list: %v\n%s", err, out)
	}
	if out, err := w.does("batch", "show", got.Batch); err != nil || !strings.Contains(out, "annotations.parquet") {
		t.Errorf("batch show: %v\n%s", err, out)
	}
	// A changed file is fetched again.
	lost := filepath.Join(results, "annotations.jsonl")
	was, err := os.ReadFile(lost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lost, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.does("batch", "get", got.Batch, results); err != nil {
		t.Errorf("batch get: %v\n%s", err, out)
	}
	if is, err := os.ReadFile(lost); err != nil || string(is) != string(was) {
		t.Errorf("fetched again: %d bytes, %v, want %d", len(is), err, len(was))
	}
	if _, err := w.does("batch", "get", "nothing", results); kindOf(err) != errkind.NotFound {
		t.Errorf("a batch that is not there: %v", err)
	}
}
