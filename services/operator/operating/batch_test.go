package operating

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// declared is an algorithm that only declares.
type declared struct{ spec *pb.AlgorithmSpec }

func (d declared) Spec() *pb.AlgorithmSpec { return d.spec }
func (declared) Annotate(context.Context, algo.Input, algo.Output) error {
	return errors.New("it is not executed here")
}

// registry has three algorithms, of which the third reads the second.
func registry(t testing.TB) *algo.Registry {
	t.Helper()
	r, err := algo.NewRegistry(
		declared{&pb.AlgorithmSpec{Name: "labels", Version: "1", Summary: "What is seen.", Reads: []string{"video"}, Kinds: []string{schema.KindLabel}}},
		declared{&pb.AlgorithmSpec{Name: "faces", Version: "3", Summary: "Who is seen.", Reads: []string{"video"}, Kinds: []string{"face"}}},
		declared{&pb.AlgorithmSpec{Name: "moods", Version: "1", Summary: "How they look.", Needs: []string{"face"}, Kinds: []string{"mood"}}},
		declared{&pb.AlgorithmSpec{Name: "voices", Version: "1", Summary: "Who is heard.", Reads: []string{"audio"}, Kinds: []string{"voice"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A lane takes requests of runs. execute, where set, does the work of a runner and the indexer at once.
type lane struct {
	t        testing.TB
	store    store.Store
	mu       sync.Mutex
	requests []*pb.RunsRequested
	execute  func(*pb.Run)
}

func (l *lane) Publish(_ context.Context, topic events.Topic, evs ...events.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range evs {
		m, ok := e.Data.(*pb.RunsRequested)
		if topic != events.RunsBatch || !ok || e.Subject != m.GetAsset() {
			return fmt.Errorf("%s takes no %T of %q", topic, e.Data, e.Subject)
		}
		l.requests = append(l.requests, m)
		for _, r := range m.GetRuns() {
			if l.execute != nil {
				l.execute(r)
			}
		}
	}
	return nil
}

// finish writes n annotations for a run, as an execution would.
func (l *lane) finish(r *pb.Run, n int) {
	l.t.Helper()
	b := store.Batch{Asset: r.GetAsset(), Run: r.GetId(), Epoch: 2}
	for i := range n {
		b.Annotations = append(b.Annotations, &pb.Annotation{
			Asset: r.GetAsset(), Run: r.GetId(), Ordinal: int64(i), Kind: "face", Start: int64(i) * int64(schema.Second), End: int64(i+1) * int64(schema.Second), Confidence: 0.5,
			Label: "somebody", Region: &pb.Region{X: 0.25, Y: 0.5, W: 0.125, H: 0.25},
			Attributes: map[string]*pb.Value{"age": {Kind: &pb.Value_Integer{Integer: int64(30 + i)}}, "name": {Kind: &pb.Value_Text{Text: `"Mara" <M>`}}},
		})
	}
	end := &pb.Run{Id: r.GetId(), Asset: r.GetAsset(), Algorithm: r.GetAlgorithm(), Version: r.GetVersion(), Inputs: r.GetInputs(), Reads: r.GetReads(),
		State: pb.RunState_RUN_STATE_FINISHED, Epoch: 2, Annotations: int64(n)}
	err := errors.Join(
		l.store.WriteBatches(l.t.Context(), []store.Batch{b}),
		l.store.MarkIndexed(l.t.Context(), []store.Marker{{Asset: r.GetAsset(), Run: r.GetId(), Epoch: 2, Part: store.PartAnnotations, Count: int64(n)}}),
		l.store.FinishRun(l.t.Context(), end),
	)
	if err != nil {
		l.t.Fatal(err)
	}
}

// A desk is where batches are asked for, over a library of two films.
type desk struct {
	*apitest.Library
	*batcher
	lane   *lane
	blobs  *blob.Blobs
	folder string
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	l := apitest.New(t)
	for _, title := range []string{"harbour", "mountain"} {
		l.Add(apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 3, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}, {Seconds: 3, Colour: apitest.Blue, Label: "boat", LabelConfidence: 0.5}},
			Lines: []apitest.Line{{From: 0, To: 2, Language: "en", Character: "Mara", Text: "Coffee\nfor \"two\" <please>, Zoë."}}})
	}
	d := &desk{Library: l, lane: &lane{t: t, store: l.Store}, folder: t.TempDir()}
	d.lane.execute = func(r *pb.Run) { d.lane.finish(r, 2) }
	cfg := blob.Default()
	cfg.Bucket = "file://" + filepath.ToSlash(d.folder)
	var err error
	if d.blobs, err = blob.Open(t.Context(), cfg, blob.Deps{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.blobs.Close() })
	d.batcher = &batcher{store: l.Store, planner: registry(t), events: d.lane, bucket: d.blobs, sleep: instant, limits: DefaultBatchLimits()}
	return d
}

func job(id string, w *pb.Batch) *pb.Job {
	return &pb.Job{Id: id, Kind: "batch", Caller: "trailers", Work: &pb.Job_Batch{Batch: w}, CreatedMs: 1_800_000_000_000}
}

// submitted plans and does a batch.
func (d *desk) submitted(t testing.TB, j *pb.Job) (*Manifest, error) {
	t.Helper()
	p, err := d.plan(t.Context(), j)
	if err != nil {
		return nil, err
	}
	j.Total = p.Total
	var r record
	if err := d.do(t.Context(), j, r.tell); err != nil {
		return nil, err
	}
	if r.done != p.Total {
		t.Errorf("done %d of %d", r.done, p.Total)
	}
	j.State = pb.JobState_JOB_STATE_FINISHED
	m, _, err := resultOf(t.Context(), d.blobs, authz.NewCaller("trailers", []string{"*"}, authz.Batch), j)
	return m, err
}

func (d *desk) file(t testing.TB, job, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.folder, "batches", job, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBatch(t *testing.T) {
	d := newDesk(t)
	w := &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"moods", "labels", "dialogue", "sentences", "voices"}}, Embeddings: true}
	j := job("job-1", w)
	m, err := d.submitted(t, j)
	if err != nil {
		t.Fatal(err)
	}
	// Two films. Runs of moods are missing, and so are the inputs of moods; voices apply to no film.
	if len(d.lane.requests) != 2 {
		t.Fatalf("requested %v", d.lane.requests)
	}
	for _, r := range d.lane.requests {
		var names []string
		for _, run := range r.GetRuns() {
			names = append(names, run.GetAlgorithm()+"@"+run.GetVersion())
			if run.GetHold() {
				t.Errorf("%s is held, and nothing else is seen of it", run.GetAlgorithm())
			}
		}
		if !slices.Equal(names, []string{"faces@3", "moods@1"}) || r.GetReason() != "batch" || r.GetJob() != "job-1" {
			t.Errorf("requested %v for %s of %s", names, r.GetReason(), r.GetJob())
		}
	}
	var algorithms []string
	for _, a := range m.Algorithms {
		algorithms = append(algorithms, fmt.Sprintf("%s@%s %d", a.Algorithm, a.Version, len(a.Runs)))
	}
	if want := []string{"dialogue@1 2", "labels@1 2", "moods@1 2", "sentences@1 2"}; !slices.Equal(algorithms, want) {
		t.Errorf("manifest: %q, want %q", algorithms, want)
	}
	if len(w.GetSelection().GetAssets()) != 2 || m.Schema != ResultSchema || m.Job != "job-1" {
		t.Errorf("the assets are not fixed: %v; %+v", w.GetSelection(), m)
	}
	// The files are as the manifest says.
	rows := map[string]int64{}
	for _, f := range m.Files {
		b := d.file(t, "job-1", f.Name)
		sum := sha256.Sum256(b)
		if int64(len(b)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s: %d bytes with %x, want %+v", f.Name, len(b), sum, f)
		}
		rows[f.Name] = f.Rows
	}
	if want := map[string]int64{"annotations.jsonl": 10, "annotations.parquet": 10, "embeddings.jsonl": 2, "embeddings.parquet": 2}; !cmp.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
	// Both forms have the same rows, and the store has the same annotations.
	var fromJSON []AnnotationRow
	for s := bufio.NewScanner(bytes.NewReader(d.file(t, "job-1", "annotations.jsonl"))); s.Scan(); {
		var row AnnotationRow
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v", s.Text(), err)
		}
		fromJSON = append(fromJSON, row)
	}
	b := d.file(t, "job-1", "annotations.parquet")
	fromParquet, err := parquet.Read[AnnotationRow](bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromParquet); diff != "" {
		t.Errorf("JSONL (-) and Parquet (+) differ:\n%s", diff)
	}
	i := slices.IndexFunc(fromJSON, func(r AnnotationRow) bool { return r.Algorithm == "dialogue" && r.Title == "harbour" })
	if i < 0 || fromJSON[i].Text != "Coffee\nfor \"two\" <please>, Zoë." || fromJSON[i].Character != "Mara" || fromJSON[i].EndMS != 2000 || fromJSON[i].EndFlicks != 2*int64(schema.Second) {
		t.Errorf("the line is %+v", fromJSON)
	}
	i = slices.IndexFunc(fromJSON, func(r AnnotationRow) bool { return r.Algorithm == "moods" })
	if r := fromJSON[i]; r.X == nil || *r.X != 0.25 || *r.H != 0.25 || r.Attributes != `{"age":30,"name":"\"Mara\" \u003cM\u003e"}` {
		t.Errorf("region and attributes: %+v", r)
	}
	// Asked again under another identity: the same bytes, and nothing is executed.
	before := len(d.lane.requests)
	again, err := d.submitted(t, job("job-2", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"moods", "labels", "dialogue", "sentences", "voices"}}, Embeddings: true}))
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(again.Files, m.Files) || len(d.lane.requests) != before {
		t.Errorf("again: %+v, want %+v; %d requests", again.Files, m.Files, len(d.lane.requests)-before)
	}
}

// Another reader reads the Parquet.
func TestBatchParquetInPython(t *testing.T) {
	python := os.Getenv("CINEDEX_PYARROW_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import pyarrow.parquet").CombinedOutput(); err != nil {
		t.Skipf("lacks pyarrow (pip install pyarrow; CINEDEX_PYARROW_PYTHON names the interpreter): %s", out)
	}
	d := newDesk(t)
	if _, err := d.submitted(t, job("job-1", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"moods", "dialogue", "sentences"}}, Embeddings: true})); err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys, pyarrow.parquet as pq
for name in ("annotations", "embeddings"):
    table = pq.read_table(f"{sys.argv[1]}/{name}.parquet").to_pylist()
    lines = [json.loads(l) for l in open(f"{sys.argv[1]}/{name}.jsonl", encoding="utf-8")]
    assert len(table) == len(lines) > 0, (len(table), len(lines))
    for row, line in zip(table, lines):
        for key, value in row.items():
            have = line.get(key, [] if isinstance(value, list) else None if value is None else type(value)())
            assert have == value or (isinstance(value, float) and abs(have - value) < 1e-6) or \
                (isinstance(value, list) and len(have) == len(value) and all(abs(a - b) < 1e-6 for a, b in zip(have, value))), (key, have, value)
    print(name, len(table))
`
	out, err := exec.CommandContext(t.Context(), python, "-c", script, filepath.Join(d.folder, "batches", "job-1")).CombinedOutput()
	if err != nil || string(out) != "annotations 6\nembeddings 2\n" {
		t.Errorf("pyarrow: %v\n%s", err, out)
	}
}

// Readers see another version: the batch's run is held.
func TestBatchHoldsWhatReplaces(t *testing.T) {
	d := newDesk(t)
	asset := apitest.AssetOf("harbour")
	old := &pb.Run{Asset: asset, Algorithm: "faces", Version: "2", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}
	old.Id = schema.RunID(old)
	if err := d.Store.FinishRun(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	d.Switch(old, "")
	// Without a version, the batch tells the version that readers see, and nothing is executed. With a version, the batch tells the version of this
	// program.
	for _, c := range []struct {
		algorithm string
		requests  int
	}{{"faces", 0}, {"faces@2", 0}, {"faces@3", 1}} {
		d.lane.requests = nil
		m, err := d.submitted(t, job("job-"+c.algorithm[len(c.algorithm)-1:], &pb.Batch{Selection: &pb.Selection{Algorithms: []string{c.algorithm}, Assets: []string{asset}}}))
		if err != nil {
			t.Fatal(err)
		}
		if len(d.lane.requests) != c.requests || c.requests == 1 && !d.lane.requests[0].GetRuns()[0].GetHold() {
			t.Errorf("%s: requested %v", c.algorithm, d.lane.requests)
		}
		if want := map[bool]string{false: "2", true: "3"}[c.requests == 1]; m.Algorithms[0].Version != want {
			t.Errorf("%s: told of version %s", c.algorithm, m.Algorithms[0].Version)
		}
	}
}

func TestBatchOfARunThatFails(t *testing.T) {
	d := newDesk(t)
	d.lane.execute = func(r *pb.Run) {
		if r.GetAlgorithm() == "faces" && r.GetAsset() == apitest.AssetOf("mountain") {
			end := &pb.Run{Id: r.GetId(), Asset: r.GetAsset(), Algorithm: "faces", Version: "3", Reads: r.GetReads(), State: pb.RunState_RUN_STATE_FAILED, Epoch: 2, ErrorKind: "invalid", Error: "no face is in it"}
			if err := d.Store.FinishRun(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			return
		}
		d.lane.finish(r, 1)
	}
	j := job("job-1", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"faces"}}})
	_, err := d.submitted(t, j)
	if err == nil || !strings.Contains(err.Error(), "1 of 2 runs failed") || !strings.Contains(err.Error(), "no face is in it") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.folder, "batches", "job-1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a result is there: %v", err)
	}
	// A second request tries the run again, and the run finishes.
	d.lane.execute = func(r *pb.Run) {
		end, err := d.Store.Run(t.Context(), r.GetAsset(), r.GetId())
		if err != nil || end.GetState() != pb.RunState_RUN_STATE_FAILED {
			t.Errorf("the run is %v, %v", end, err)
		}
		d.lane.finish(&pb.Run{Id: r.GetId(), Asset: r.GetAsset(), Algorithm: "faces", Version: "3", Reads: r.GetReads()}, 1)
	}
	m, err := d.submitted(t, job("job-2", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"faces"}}}))
	if err != nil || len(m.Algorithms[0].Runs) != 2 {
		t.Errorf("tried again: %+v, %v", m, err)
	}
}

// A batch that waits for a slow run is cancelled, and leaves nothing.
func TestBatchCancelled(t *testing.T) {
	d := newDesk(t)
	d.lane.execute = nil // nobody executes the run
	j := job("job-1", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"faces", "labels"}}})
	p, err := d.plan(t.Context(), j)
	if err != nil || p.Total != 4 || !strings.Contains(p.Lines[0], "4 annotations are there, 2 runs are to be executed") {
		t.Fatalf("plan %+v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := 0
	d.sleep = func(ctx context.Context, _ time.Duration) error {
		if waited++; waited == 3 {
			cancel()
		}
		return ctx.Err()
	}
	var r record
	if err := d.do(ctx, j, r.tell); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if r.done != 2 || waited != 3 {
		t.Errorf("done %d after %d looks", r.done, waited)
	}
	if _, _, err := resultOf(t.Context(), d.blobs, authz.NewCaller("trailers", []string{"*"}, authz.Batch), j); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("a result of a batch that was cancelled: %v", err)
	}
}

// broken is a bucket that fails at a file.
type broken struct {
	bucket
	at  int
	put int
}

func (b *broken) Put(ctx context.Context, key, contentType string, content io.Reader) (*pb.MediaRef, error) {
	if b.put++; b.put == b.at {
		_, _ = io.CopyN(io.Discard, content, 10)
		return nil, errkind.New(errkind.Unavailable, "the bucket is away")
	}
	return b.bucket.Put(ctx, key, contentType, content)
}

// Wherever the bucket fails, there is no result, as after a kill; the next attempt gives the whole result.
func TestBatchWholeOrAbsent(t *testing.T) {
	d := newDesk(t)
	work := func() *pb.Batch {
		return &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels", "sentences"}}, Embeddings: true}
	}
	want, err := d.submitted(t, job("whole", work()))
	if err != nil {
		t.Fatal(err)
	}
	for at := 1; at <= 5; at++ {
		id := fmt.Sprintf("job-%d", at)
		d.bucket = &broken{bucket: d.blobs, at: at}
		if _, err := d.submitted(t, job(id, work())); !errkind.Is(err, errkind.Unavailable) {
			t.Fatalf("at file %d: %v", at, err)
		}
		left, _ := filepath.Glob(filepath.Join(d.folder, "batches", id, "*"))
		if len(left) > 0 {
			t.Errorf("at file %d: %q are left", at, left)
		}
		d.bucket = d.blobs
		m, err := d.submitted(t, job(id, work()))
		if err != nil || !cmp.Equal(m.Files, want.Files) {
			t.Errorf("after file %d: %+v, %v", at, m, err)
		}
	}
}

func TestBatchLimits(t *testing.T) {
	d := newDesk(t)
	d.limits = BatchLimits{Jobs: 2, Assets: 1}
	all := &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels"}}}
	one := func() *pb.Batch {
		return &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels"}, Titles: []string{"harbour"}}}
	}
	if _, err := d.plan(t.Context(), job("many", all)); !errkind.Is(err, errkind.Exhausted) || !strings.Contains(err.Error(), "more than the 1 assets") {
		t.Errorf("too many assets: %v", err)
	}
	for i, state := range []pb.JobState{pb.JobState_JOB_STATE_RUNNING, pb.JobState_JOB_STATE_WAITING, pb.JobState_JOB_STATE_FINISHED} {
		j := job(fmt.Sprint("j", i), one())
		j.State = state
		if _, err := d.Store.PutJob(t.Context(), j); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.plan(t.Context(), job("third", one())); !errkind.Is(err, errkind.Exhausted) || !strings.Contains(err.Error(), "trailers has 2 batches") {
		t.Errorf("too many batches: %v", err)
	}
	if _, err := d.plan(t.Context(), job("j1", one())); err != nil {
		t.Errorf("one of the two again: %v", err)
	}
	other := job("other", one())
	other.Caller = "somebody else"
	if _, err := d.plan(t.Context(), other); err != nil {
		t.Errorf("of somebody else: %v", err)
	}
}

func TestBatchRefuses(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		name string
		w    *pb.Batch
		kind errkind.Kind
		says string
	}{
		{"no algorithm", &pb.Batch{}, errkind.Invalid, "algorithms"},
		{"a form", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels"}}, Formats: []string{"xlsx"}}, errkind.Invalid, `"xlsx"`},
		{"an algorithm that is not there", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"smells"}}}, errkind.NotFound, "smells"},
		{"a version that is not there", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels@9"}}}, errkind.NotFound, "labels@9"},
		{"nothing heard", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"voices"}}}, errkind.NotFound, "voices"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := d.plan(t.Context(), job("j", c.w)); !errkind.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.kind, c.says)
			}
		})
	}
}

// A caller who may not see a title any more may not see the rows of the title.
func TestResultIsForThoseWhoMaySeeItsTitles(t *testing.T) {
	d := newDesk(t)
	j := job("job-1", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"labels"}}})
	if _, err := d.submitted(t, j); err != nil {
		t.Fatal(err)
	}
	if _, _, err := resultOf(t.Context(), d.blobs, authz.NewCaller("trailers", []string{"harbour"}, authz.Batch), j); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("got %v", err)
	}
	m, b, err := resultOf(t.Context(), d.blobs, authz.NewCaller("trailers", []string{"harbour", "mountain"}, authz.Batch), j)
	if err != nil {
		t.Fatal(err)
	}
	files := resultFiles(m, b)
	if len(files) != 3 || files[0].GetName() != ManifestName || files[1].GetRows() != 4 {
		t.Errorf("files %v", files)
	}
}
