package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/operator/jobs"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
)

// A stamp is a kind of jobs unknown to Cinedex: each asset of the selection gets a line, an asset for each token.
type stamp struct {
	store store.Assets
	gate  chan struct{}

	mu      sync.Mutex
	stamped []string
	began   int
}

func (s *stamp) kind(role authz.Role) jobs.Kind {
	return jobs.Kind{
		Name: "stamp", Summary: "stamp every asset", Role: role, Selects: true,
		Options: []jobs.Option{
			{Name: "ink", Type: jobs.Text, Default: "blue", Help: "the colour"},
			{Name: "copies", Type: jobs.Integer, Help: "stamps on each asset"},
		},
		Plan: func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) {
			if n := jobs.ValuesOf(j).Integer("copies"); n < 0 || n > 9 {
				return nil, errkind.New(errkind.Invalid, "task.options.copies: want 0 to 9")
			}
			p := &jobs.Plan{Unit: "assets"}
			for _, err := range jobs.Assets(ctx, s.store, jobs.Selection(j), "") {
				if err != nil {
					return nil, err
				}
				p.Total++
			}
			p.Lines = []string{fmt.Sprintf("stamps %d assets in %s", p.Total, jobs.ValuesOf(j).Text("ink"))}
			return p, nil
		},
		Do: func(ctx context.Context, w *jobs.Work) error {
			j := w.Job()
			s.mu.Lock()
			s.began++
			s.mu.Unlock()
			done := j.GetDone()
			for a, err := range jobs.Assets(ctx, s.store, jobs.Selection(j), string(j.GetCursor())) {
				if err != nil {
					return err
				}
				select {
				case <-s.gate:
				case <-ctx.Done():
					return ctx.Err()
				}
				s.mu.Lock()
				s.stamped = append(s.stamped, fmt.Sprintf("%s %s %d", a.GetTitle().GetId(), jobs.ValuesOf(j).Text("ink"), jobs.ValuesOf(j).Integer("copies")))
				s.mu.Unlock()
				done++
				w.Progress(done, j.GetTotal(), []byte(a.GetId()))
			}
			w.Note("stamped %d assets", done)
			return nil
		},
	}
}

// tokens recognises callers by their names.
type tokens map[string]*authz.Caller

func (k tokens) Authorise(_ context.Context, token string) (*authz.Caller, error) {
	if c := k[token]; c != nil {
		return c, nil
	}
	return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
}

// stampServer serves the operators' API with the kind "stamp" over a library of four titles, and returns a function
// that runs command lines against the server.
func stampServer(t *testing.T, role authz.Role) (*stamp, func(token string, line ...string) (string, error)) {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 0
	log := slog.New(slog.DiscardHandler)
	st, err := pebblestore.Open(cfg, pebblestore.Deps{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	for i := range 4 {
		if err := st.PutAsset(t.Context(), &pb.Asset{Id: fmt.Sprintf("%032x", i+1), Title: &pb.Title{Id: fmt.Sprintf("title-%d", i)}}); err != nil {
			t.Fatal(err)
		}
	}
	s := &stamp{store: st, gate: make(chan struct{}, 100)}
	service, err := operating.New(operating.Default(), operating.Deps{Store: st, Log: log, Registerer: prometheus.NewRegistry(), Kinds: []jobs.Kind{s.kind(role)}})
	if err != nil {
		t.Fatal(err)
	}
	api, err := operatorapi.New(operatorapi.Deps{Operating: service, Log: log, Authoriser: tokens{
		"op":    authz.NewCaller("op", []string{"*"}, authz.Operator),
		"cut":   authz.NewCaller("cut", []string{"title-1"}, authz.Batch),
		"other": authz.NewCaller("other", []string{"*"}, authz.Batch),
	}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- service.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, func(token string, line ...string) (string, error) {
		return command(t, append([]string{"--server", server.URL, "--token", token}, line...)...)
	}
}

// lastLine is the job printed by --detach, behind the lines of the plan.
func lastLine(out string) string {
	out = strings.TrimSpace(out)
	return out[strings.LastIndexByte(out, '\n')+1:]
}

// stampedBy reads a job from `jobs show --json` until the job is as wanted.
func stampedBy(t *testing.T, run func(string, ...string) (string, error), id string, ok func(jobEntry) bool) jobEntry {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		out, err := run("op", "jobs", "show", id, "--json")
		if err != nil {
			t.Fatal(err)
		}
		var j jobEntry
		if err := json.Unmarshal([]byte(out), &j); err != nil {
			t.Fatal(err)
		}
		if ok(j) {
			return j
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job stays %+v", j)
		}
	}
}

// A kind of jobs from outside is planned, done, paused, resumed and cancelled by the commands and through the API of
// all kinds.
func TestKindFromOutside(t *testing.T) {
	s, run := stampServer(t, authz.Operator)
	out, err := run("op", "jobs", "start", "--help")
	if err != nil || !strings.Contains(out, "stamp every asset") || !strings.Contains(out, "ink=text") || !strings.Contains(out, "default blue") || !strings.Contains(out, "replay") {
		t.Errorf("the help tells no kinds: %v\n%s", err, out)
	}
	if out, err := run("op", "jobs", "kinds"); err != nil || !strings.Contains(out, "copies=integer") {
		t.Errorf("kinds: %v\n%s", err, out)
	}
	if out, err := run("cut", "jobs", "kinds"); err != nil || strings.Contains(out, "stamp") || !strings.Contains(out, "batch") {
		t.Errorf("the kinds of a caller who may ask for batches: %v\n%s", err, out)
	}
	if out, err := run("op", "jobs", "start", "stamp", "--title", "title-0", "--title", "title-2", "--set", "ink=red", "--dry-run"); err != nil || !strings.Contains(out, "stamps 2 assets in red") {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	for _, c := range []struct {
		line []string
		says string
		exit int
	}{
		{[]string{"stamp", "--set", "copies=many"}, `task.options.copies: "many" is given; want a whole number`, 2},
		{[]string{"stamp", "--set", "copies=10"}, "task.options.copies: want 0 to 9", 2},
		{[]string{"stamp", "--set", "size=9"}, `has no option "size"; there are: ink, copies`, 2},
		{[]string{"stamp", "--set", "ink"}, "want OPTION=VALUE", 2},
		{[]string{"stamp", "--title", "nothing"}, `there is no title "nothing"`, 3},
		{[]string{"press"}, `nothing here does "press"; there are activate, batch`, 2},
		{[]string{"rebuild", "--title", "title-0"}, "goes over no selection", 2},
	} {
		if _, err := run("op", append([]string{"jobs", "start", "--detach"}, c.line...)...); err == nil || !strings.Contains(said(err), c.says) || exitCode(err) != c.exit {
			t.Errorf("%q: %v, exit code %d; want %q and %d", c.line, err, exitCode(err), c.says, c.exit)
		}
	}
	if _, err := run("cut", "jobs", "start", "stamp"); kindOf(err) != errkind.Denied {
		t.Errorf("without the role: %v", err)
	}

	start := func(line ...string) string {
		t.Helper()
		out, err := run("op", append([]string{"jobs", "start", "stamp", "--detach"}, line...)...)
		if err != nil {
			t.Fatal(err)
		}
		return lastLine(out)
	}
	// Two of four, a pause, and on from there.
	id := start("--set", "copies=3", "--key", "first")
	s.gate <- struct{}{}
	s.gate <- struct{}{}
	stampedBy(t, run, id, func(j jobEntry) bool { return j.Done == 2 })
	if _, err := run("op", "jobs", "pause", id); err != nil {
		t.Fatal(err)
	}
	stampedBy(t, run, id, func(j jobEntry) bool { return j.State == "paused" })
	if again := start("--set", "ink=blue", "--set", "copies=3", "--key", "first"); again != id {
		t.Errorf("the default said aloud is another job: %s, %s", again, id)
	}
	if _, err := run("op", "jobs", "resume", id); err != nil {
		t.Fatal(err)
	}
	s.gate <- struct{}{}
	s.gate <- struct{}{}
	j := stampedBy(t, run, id, func(j jobEntry) bool { return j.State == "finished" })
	if j.Kind != "stamp" || j.Done != 4 || j.Total != 4 || strings.Join(j.Notes, "") != "stamped 4 assets" {
		t.Errorf("finished: %+v", j)
	}
	s.mu.Lock()
	if got, want := strings.Join(s.stamped, ", "), "title-0 blue 3, title-1 blue 3, title-2 blue 3, title-3 blue 3"; got != want || s.began != 2 {
		t.Errorf("stamped %s in %d goes, want %s in 2", got, s.began, want)
	}
	s.mu.Unlock()
	id = start("--key", "second")
	stampedBy(t, run, id, func(j jobEntry) bool { return j.State == "running" })
	if _, err := run("op", "jobs", "cancel", id); err != nil {
		t.Fatal(err)
	}
	stampedBy(t, run, id, func(j jobEntry) bool { return j.State == "cancelled" })
	if out, err := run("op", "jobs", "list", "--all", "--kind", "stamp"); err != nil || strings.Count(out, "  stamp  ") != 2 {
		t.Errorf("list: %v\n%s", err, out)
	}
}

// Jobs of a kind from outside started by callers with the role "batch" belong to the caller, and cover the titles that
// the caller may see.
func TestKindFromOutsideBelongsToItsCaller(t *testing.T) {
	s, run := stampServer(t, authz.Batch)
	out, err := run("cut", "jobs", "start", "stamp", "--detach", "--key", "mine")
	if err != nil {
		t.Fatal(err)
	}
	id := lastLine(out)
	s.gate <- struct{}{}
	stampedBy(t, run, id, func(j jobEntry) bool { return j.State == "finished" && j.Done == 1 })
	s.mu.Lock()
	if got := strings.Join(s.stamped, ", "); got != "title-1 blue 0" {
		t.Errorf("stamped %s", got)
	}
	s.mu.Unlock()
	if _, err := run("cut", "jobs", "show", id); err != nil {
		t.Errorf("the caller's own job: %v", err)
	}
	if _, err := run("other", "jobs", "show", id); kindOf(err) != errkind.NotFound {
		t.Errorf("another's job: %v", err)
	}
	if _, err := run("cut", "jobs", "start", "stamp", "--title", "title-2"); kindOf(err) != errkind.NotFound {
		t.Errorf("a title that the caller may not see: %v", err)
	}
	if out, err = run("other", "jobs", "start", "stamp", "--detach", "--key", "mine", "--title", "title-1"); err != nil || lastLine(out) == id {
		t.Errorf("the same work of another caller: %s, %v", out, err)
	}
}
