package searchtest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// byComplement returns a harness of the same engine that tells each scope by its complement. A test names runs. The engine is asked
// through a set of all runs but some, which is related to the sets of earlier questions.
func byComplement(h Harness) Harness {
	w := &written{runs: map[string]bool{}}
	inner := h.Open
	h.Open = func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
		return &told{inner(t, name, spaces), w}
	}
	return h
}

// written holds the runs that were written to engines of a harness.
type written struct {
	mu   sync.Mutex
	runs map[string]bool
}

func (w *written) note(b search.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range b.Annotations {
		w.runs[a.GetRun()] = true
	}
	for _, m := range b.Embeddings {
		w.runs[m.GetRun()] = true
	}
}

// scope returns a scope of the same runs, told by its complement.
func (w *written) scope(s *search.Scope) *search.Scope {
	if s == nil {
		return nil
	}
	if _, ok := s.Named(); !ok {
		return s
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &complement{Scope: s, of: w}
	for run := range w.runs {
		if !s.Has(run) {
			c.hidden = append(c.hidden, run)
		}
	}
	slices.Sort(c.hidden)
	return &search.Scope{Runs: c}
}

// A complement is a set of runs that is told by the runs outside the set.
type complement struct {
	*search.Scope
	of     *written
	hidden []string
}

func (c *complement) Named() ([]string, bool)            { return nil, false }
func (c *complement) Outside() (assets, hidden []string) { return nil, c.hidden }
func (c *complement) Changed(since search.Runs) (changed []string, ok bool) {
	o, ok := since.(*complement)
	if !ok || o.of != c.of {
		return nil, false
	}
	mine, _ := c.Scope.Named()
	others, _ := o.Scope.Named()
	for _, run := range slices.Concat(mine, others) {
		if c.Has(run) != o.Has(run) {
			changed = append(changed, run)
		}
	}
	return changed, true
}

// told is an engine whose questions are told by complement.
type told struct {
	search.Engine
	written *written
}

func (e *told) Write(ctx context.Context, b search.Batch) error {
	e.written.note(b)
	return e.Engine.Write(ctx, b)
}

func (e *told) Text(ctx context.Context, q search.TextQuery) ([]search.Hit, error) {
	q.Scope = e.written.scope(q.Scope)
	return e.Engine.Text(ctx, q)
}

func (e *told) Vector(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	q.Scope = e.written.scope(q.Scope)
	return e.Engine.Vector(ctx, q)
}

func (e *told) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	if q.Text != nil {
		t := *q.Text
		t.Scope = e.written.scope(t.Scope)
		q.Text = &t
	}
	if q.Vector != nil {
		v := *q.Vector
		v.Scope = e.written.scope(v.Scope)
		q.Vector = &v
	}
	return e.Engine.Set(ctx, q)
}

func (e *told) Languages(ctx context.Context, s *search.Scope) ([]string, error) {
	return e.Engine.Languages(ctx, e.written.scope(s))
}

func (e *told) Characters(ctx context.Context, s *search.Scope, prefix string, limit int) ([]string, error) {
	return e.Engine.Characters(ctx, e.written.scope(s), prefix, limit)
}

func (e *told) Spellings(ctx context.Context, q search.TextQuery) ([]search.Spelling, error) {
	q.Scope = e.written.scope(q.Scope)
	return e.Engine.Spellings(ctx, q)
}
