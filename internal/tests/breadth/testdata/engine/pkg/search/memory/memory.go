// Package memory is a search engine that keeps everything in the memory of its process, for tests. It finds whole words.
package memory

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Driver is the engine as programs choose it.
var Driver = search.Driver{Name: "memory", Section: "memory", Settings: func(string) search.Settings { return &Settings{} }}

// Settings has none yet.
type Settings struct{}

// Validate implements search.Settings.
func (Settings) Validate() error { return nil }

// Open implements search.Settings.
func (Settings) Open(context.Context, search.Deps) (search.Engine, error) { return &engine{}, nil }

type engine struct {
	mu    sync.Mutex
	items []*pb.Annotation
}

func (e *engine) Write(_ context.Context, b search.Batch) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.items = append(e.items, b.Annotations...)
	return nil
}

func (e *engine) TrimRun(_ context.Context, run string, annotations, _ int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.items = slices.DeleteFunc(e.items, func(a *pb.Annotation) bool { return a.GetRun() == run && a.GetOrdinal() >= annotations })
	return nil
}

func (e *engine) DeleteRun(ctx context.Context, run string) error { return e.TrimRun(ctx, run, 0, 0) }

func (e *engine) Text(_ context.Context, q search.TextQuery) ([]search.Hit, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var hits []search.Hit
	for _, a := range e.items {
		if q.Scope.Has(a.GetRun()) && slices.Contains(strings.Fields(strings.ToLower(a.GetText())), strings.ToLower(q.Words)) {
			hits = append(hits, search.Hit{Run: a.GetRun(), Ordinal: a.GetOrdinal(), Asset: a.GetAsset(), Kind: a.GetKind(), Language: a.GetLanguage(),
				Interval: schema.IntervalOf(a), Score: 1})
		}
	}
	slices.SortFunc(hits, search.CompareHits)
	return hits[:min(len(hits), q.Limit)], nil
}

func (e *engine) Vector(context.Context, search.VectorQuery) ([]search.Hit, error) {
	return nil, errkind.New(errkind.Invalid, "the search engine memory has no vectors")
}

func (e *engine) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.SetOfHits(ctx, e, q)
}

func (e *engine) Size(_ context.Context, q search.SetQuery) (int, error) {
	return search.MaxLimit, q.Check()
}

func (e *engine) Languages(_ context.Context, s *search.Scope) ([]string, error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	return nil, nil
}

func (e *engine) Characters(_ context.Context, s *search.Scope, _ string, _ int) ([]string, error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	return nil, nil
}

func (e *engine) Spellings(_ context.Context, q search.TextQuery) ([]search.Spelling, error) {
	return nil, q.Check()
}

func (e *engine) Marks(search.TextQuery, string, string) [][2]int { return nil }
func (e *engine) Dump(context.Context, io.Writer) error           { return nil }
func (e *engine) Ready(context.Context) error                     { return nil }
func (e *engine) Close() error                                    { return nil }
