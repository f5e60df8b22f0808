package operating

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
)

// together is a store of which several readers begin to read the jobs at the same time: each read waits for the others.
type together struct {
	store.Store
	begun *sync.WaitGroup
}

func (s together) AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error] {
	return func(yield func(*pb.Job, error) bool) {
		var all []*pb.Job
		for j, err := range s.Store.AllJobs(ctx) {
			if err != nil {
				yield(nil, err)
				return
			}
			all = append(all, j)
		}
		s.begun.Done()
		s.begun.Wait()
		for _, j := range all {
			if !yield(j, nil) {
				return
			}
		}
	}
}

// Services that learn at the same time of lost items submit one rebuild between them. The next loss is a rebuild of its own.
func TestOneRebuildOfMany(t *testing.T) {
	l, _ := shelf(t, 1)
	engine, ok := l.Engine.(*embedded.Engine)
	if !ok {
		t.Fatalf("the library's engine is a %T", l.Engine)
	}
	const many = 3
	lose := func() []*pb.Job {
		t.Helper()
		if err := engine.Doubt("a test took its items"); err != nil {
			t.Fatal(err)
		}
		var begun, ended sync.WaitGroup
		begun.Add(many)
		for range many {
			s, err := New(Default(), Deps{Store: together{l.Store, &begun}, Engine: l.Engine, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
			if err != nil {
				t.Fatal(err)
			}
			ended.Go(func() {
				if err := s.fill(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		ended.Wait()
		var all []*pb.Job
		for j, err := range l.Store.AllJobs(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, j)
		}
		return all
	}
	jobs := lose()
	if len(jobs) != 1 || jobs[0].GetKind() != "rebuild" || jobs[0].GetCaller() != "cinedex" {
		t.Fatalf("%d services submitted %v", many, jobs)
	}
	jobs[0].State, jobs[0].EndedMs = pb.JobState_JOB_STATE_FINISHED, 1_800_000_000_000
	if _, err := l.Store.PutJob(t.Context(), jobs[0]); err != nil && !errkind.Is(err, errkind.Conflict) {
		t.Fatal(err)
	}
	if jobs = lose(); len(jobs) != 2 {
		t.Errorf("after the first had ended, %d services submitted %v", many, jobs)
	}
}
