package operatorapi_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
)

// known recognises callers by their names.
type known map[string]*authz.Caller

func (k known) Authorise(_ context.Context, token string) (*authz.Caller, error) {
	if c := k[token]; c != nil {
		return c, nil
	}
	return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
}

type token string

func (t token) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(t))
	return http.DefaultTransport.RoundTrip(r)
}

// lines keeps the audit.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type world struct {
	events *events.Client
	server *httptest.Server
	audit  *lines
}

func (w *world) as(who string) cinedexv1connect.OperatorServiceClient {
	return cinedexv1connect.NewOperatorServiceClient(&http.Client{Transport: token(who)}, w.server.URL, connect.WithProtoJSON())
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b, err := broker.Open(broker.Config{Dir: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	ecfg := events.Default()
	ecfg.Brokers = []string{b.Addr()}
	w := &world{audit: &lines{}}
	if w.events, err = events.New(ecfg, events.Deps{Registerer: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.events.Close() })
	if _, err := w.events.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	scfg := pebblestore.Default()
	scfg.Dir, scfg.MinFreeBytes = t.TempDir(), 0
	s, err := pebblestore.Open(scfg, pebblestore.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	record, err := audit.Open(audit.Default(), audit.Deps{Output: w.audit, Service: "indexer", Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	jobs, err := operating.New(operating.Default(), operating.Deps{Events: w.events, Store: s, Log: log, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	memory := &telemetry.Memory{}
	memory.Hold("store", s)
	api, err := operatorapi.New(operatorapi.Deps{Operating: jobs, Events: w.events, Memory: memory, Log: log, Audit: record, Authoriser: known{
		"op": authz.NewCaller("op", []string{"*"}, authz.Operator), "reader": authz.NewCaller("reader", []string{"*"}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(api.Handler())
	t.Cleanup(w.server.Close)
	return w
}

// poison leaves a dead letter of each of the assets named: their events are refused by the hop "tester".
func (w *world) poison(t *testing.T, assets ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for _, a := range assets {
		if err := w.events.Publish(ctx, events.RunsFinished, events.Event{Subject: a, Data: &pb.RunFinished{Run: &pb.Run{Id: a, Asset: a}}}); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	left := len(assets)
	err := w.events.Subscribe(ctx, events.Subscription{Group: "tester", Topics: []events.Topic{events.RunsFinished}}, func(_ context.Context, batch []events.Delivery) error {
		if len(batch) > 1 {
			return errkind.New(errkind.Invalid, "one at a time")
		}
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			stop()
		}
		return errkind.New(errkind.Invalid, "no good: %s", batch[0].Subject)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.poison(t, "one", "two", "three")
	op := w.as("op")
	list := func(f *pb.LetterFilter) []*pb.DeadLetter {
		t.Helper()
		r, err := op.ListDeadLetters(t.Context(), connect.NewRequest(&pb.ListDeadLettersRequest{Filter: f}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Msg.GetLetters()
	}
	all := list(nil)
	if len(all) != 3 {
		t.Fatalf("%d letters: %v", len(all), all)
	}
	for name, c := range map[string]struct {
		f    *pb.LetterFilter
		want int
	}{
		"kind": {&pb.LetterFilter{Reason: "invalid"}, 3}, "part of the text": {&pb.LetterFilter{Reason: "good: two"}, 1}, "hop": {&pb.LetterFilter{Hop: "tester"}, 3},
		"another hop": {&pb.LetterFilter{Hop: "indexer"}, 0}, "asset": {&pb.LetterFilter{Asset: "one"}, 1}, "id": {&pb.LetterFilter{Ids: []string{all[0].GetId()}}, 1},
		"topic and asset": {&pb.LetterFilter{Topic: "runs.finished", Asset: "three"}, 1},
	} {
		if got := list(c.f); len(got) != c.want {
			t.Errorf("by %s: %d letters, want %d", name, len(got), c.want)
		}
	}

	dry, err := op.RetryDeadLetters(t.Context(), connect.NewRequest(&pb.RetryDeadLettersRequest{Filter: &pb.LetterFilter{Asset: "one"}, DryRun: true}))
	if err != nil || dry.Msg.GetLetters() != 1 || len(list(nil)) != 3 {
		t.Errorf("a dry run: %v, %v", dry, err)
	}
	finished := func() (all []events.Delivery) {
		t.Helper()
		for d, err := range w.events.ReadAll(t.Context(), events.RunsFinished) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		return all
	}
	before := finished()
	if r, err := op.RetryDeadLetters(t.Context(), connect.NewRequest(&pb.RetryDeadLettersRequest{Filter: &pb.LetterFilter{Asset: "one"}})); err != nil || r.Msg.GetLetters() != 1 {
		t.Errorf("retrying: %v, %v", r, err)
	}
	again := finished()
	same := 0
	for _, d := range again {
		if d.Subject == "one" {
			same++
		}
	}
	if len(again) != len(before)+1 || same != 2 {
		t.Errorf("the topic has %d events, before %d; of the one that was retried %d", len(again), len(before), same)
	}
	if r, err := op.DropDeadLetters(t.Context(), connect.NewRequest(&pb.DropDeadLettersRequest{Filter: &pb.LetterFilter{Reason: "two"}})); err != nil || r.Msg.GetLetters() != 1 {
		t.Errorf("dropping: %v, %v", r, err)
	}
	if left := list(nil); len(left) != 1 || left[0].GetAsset() != "three" {
		t.Errorf("left: %v", left)
	}
	if _, err := op.DropDeadLetters(t.Context(), connect.NewRequest(&pb.DropDeadLettersRequest{Filter: &pb.LetterFilter{Ids: []string{"nothing"}}})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("dropping what is not there: %v", err)
	}
}

func TestLag(t *testing.T) {
	w := newWorld(t)
	for _, a := range []string{"one", "two"} {
		if err := w.events.Publish(t.Context(), events.AnnotationsBackfill, events.Event{Subject: a, Data: &pb.AnnotationBatch{Asset: a}}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := w.as("op").GetLag(t.Context(), connect.NewRequest(&pb.GetLagRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, l := range r.Msg.GetLags() {
		late := l.GetHop() == "indexer-backfill" && l.GetTopic() == "annotations.backfill"
		found = found || late
		if late && (l.GetMessages() != 2 || l.GetSeconds() < 1 || l.GetRate() != 0 || l.GetEtaSeconds() >= 0) || !late && (l.GetMessages() != 0 || l.GetSeconds() != 0 || l.GetEtaSeconds() != 0) {
			t.Errorf("lag: %v", l)
		}
	}
	if !found {
		t.Error("the backfill's lane is not told of")
	}
}

// TestMemory asks for the memory of the answering process.
func TestMemory(t *testing.T) {
	w := newWorld(t)
	r, err := w.as("op").GetMemory(t.Context(), connect.NewRequest(&pb.GetMemoryRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	p := r.Msg.GetProcesses()[0]
	of := map[string]int64{}
	for _, u := range p.GetUses() {
		of[u.GetPurpose()+" "+u.GetPart()] = u.GetBytes()
	}
	if p.GetPid() != int64(os.Getpid()) || of["go_heap "] < 1<<20 || of["outside store"] < 128<<10 {
		t.Errorf("%v", p)
	}
	if runtime.GOOS == "linux" && (of["files program"] < 1<<20 || p.GetDroppable() < of["files program"]/2 || p.GetResident() <= p.GetDroppable()) {
		t.Errorf("%v", p)
	}
}

func TestRolesAndAudit(t *testing.T) {
	w := newWorld(t)
	for who, want := range map[string]connect.Code{"reader": connect.CodePermissionDenied, "nobody": connect.CodeUnauthenticated} {
		c := w.as(who)
		for call, err := range map[string]error{
			"lag":          second(c.GetLag(t.Context(), connect.NewRequest(&pb.GetLagRequest{}))),
			"memory":       second(c.GetMemory(t.Context(), connect.NewRequest(&pb.GetMemoryRequest{}))),
			"list":         second(c.ListDeadLetters(t.Context(), connect.NewRequest(&pb.ListDeadLettersRequest{}))),
			"retry":        second(c.RetryDeadLetters(t.Context(), connect.NewRequest(&pb.RetryDeadLettersRequest{}))),
			"drop":         second(c.DropDeadLetters(t.Context(), connect.NewRequest(&pb.DropDeadLettersRequest{}))),
			"jobs":         second(c.ListJobs(t.Context(), connect.NewRequest(&pb.ListJobsRequest{}))),
			"submit":       second(c.SubmitJob(t.Context(), connect.NewRequest(&pb.SubmitJobRequest{Job: &pb.Job{Work: &pb.Job_Rebuild{Rebuild: &pb.Rebuild{}}}}))),
			"calibrations": second(c.GetCalibrations(t.Context(), connect.NewRequest(&pb.GetCalibrationsRequest{Algorithm: "sentences"}))),
			"calibrate": second(c.SetCalibration(t.Context(), connect.NewRequest(&pb.SetCalibrationRequest{Algorithm: "sentences", Version: "1",
				Calibration: &pb.FittedCalibration{Space: "e5-small@1", Leaf: "dialogue"}}))),
			"steer": second(c.SteerJob(t.Context(), connect.NewRequest(&pb.SteerJobRequest{Id: "x", Wish: "cancel"}))),
		} {
			if connect.CodeOf(err) != want {
				t.Errorf("%s as %s: %v", call, who, err)
			}
		}
	}
	for _, want := range []string{
		`"call":"/cinedex.v1.OperatorService/DropDeadLetters","caller":"reader"`, `"outcome":"denied"`, `"outcome":"unauthenticated"`, `"from":"127.0.0.1"`, `"token":"` + audit.Fingerprint("reader") + `"`,
	} {
		if !strings.Contains(w.audit.String(), want) {
			t.Errorf("the audit log has no %q: %s", want, w.audit.String())
		}
	}
	if n := strings.Count(w.audit.String(), "\n"); n != 20 {
		t.Errorf("%d lines of 20 calls", n)
	}
}

func second[T any](_ T, err error) error { return err }
