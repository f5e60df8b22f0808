package sim

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// model is a search engine for the reader's two questions: any of some words, and everything near a vector. The
// embedded engine takes the model's place in fewer plans, because making the engine's folder costs as much as ten
// plans.
type model struct {
	annotations map[item]*pb.Annotation
	embeddings  map[item]*pb.Embedding
}

type item struct {
	run     string
	ordinal int64
}

func newModel() *model {
	return &model{map[item]*pb.Annotation{}, map[item]*pb.Embedding{}}
}

var _ search.Engine = (*model)(nil)

func (m *model) Write(_ context.Context, b search.Batch) error {
	for _, a := range b.Annotations {
		m.annotations[item{a.GetRun(), a.GetOrdinal()}] = proto.CloneOf(a)
	}
	for _, e := range b.Embeddings {
		m.embeddings[item{e.GetRun(), e.GetOrdinal()}] = proto.CloneOf(e)
	}
	return nil
}

func (m *model) TrimRun(_ context.Context, run string, annotations, embeddings int64) error {
	for k := range m.annotations {
		if k.run == run && k.ordinal >= annotations {
			delete(m.annotations, k)
		}
	}
	for k := range m.embeddings {
		if k.run == run && k.ordinal >= embeddings {
			delete(m.embeddings, k)
		}
	}
	return nil
}

func (m *model) DeleteRun(ctx context.Context, run string) error { return m.TrimRun(ctx, run, 0, 0) }

func (m *model) Text(_ context.Context, q search.TextQuery) ([]search.Hit, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	var out []search.Hit
	for k, a := range m.annotations {
		if q.Scope.Has(k.run) && slices.ContainsFunc(strings.Fields(a.GetText()), func(w string) bool { return slices.Contains(strings.Fields(q.Words), w) }) {
			out = append(out, search.Hit{Run: k.run, Ordinal: k.ordinal, Asset: a.GetAsset(), Interval: schema.IntervalOf(a), Score: 1})
		}
	}
	slices.SortFunc(out, search.CompareHits)
	return out, nil
}

func (m *model) Vector(_ context.Context, q search.VectorQuery) ([]search.Hit, error) {
	if q.Scope == nil {
		return nil, search.ErrNoScope
	}
	var out []search.Hit
	for k, e := range m.embeddings {
		if q.Scope.Has(k.run) && e.GetSpace() == q.Space {
			var score float64
			for i, x := range e.GetVector() {
				score += float64(x) * float64(q.Vector[i])
			}
			out = append(out, search.Hit{Run: k.run, Ordinal: k.ordinal, Asset: e.GetAsset(), Interval: schema.IntervalOf(e), Score: score})
		}
	}
	slices.SortFunc(out, search.CompareHits)
	return out, nil
}

var errNotAsked = errkind.New(errkind.Internal, "the reader does not ask this")

func (m *model) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.SetOfHits(ctx, m, q)
}

func (m *model) Size(context.Context, search.SetQuery) (int, error)         { return 0, errNotAsked }
func (m *model) Languages(context.Context, *search.Scope) ([]string, error) { return nil, errNotAsked }
func (m *model) Characters(context.Context, *search.Scope, string, int) ([]string, error) {
	return nil, errNotAsked
}
func (m *model) Spellings(context.Context, search.TextQuery) ([]search.Spelling, error) {
	return nil, errNotAsked
}
func (m *model) Marks(search.TextQuery, string, string) [][2]int { return nil }
func (m *model) Dump(context.Context, io.Writer) error           { return errNotAsked }
func (m *model) Ready(context.Context) error                     { return nil }
func (m *model) Close() error                                    { return nil }

// writer is the engine as seen by an indexer.
type writer struct{ p *process }

func (w writer) do(ctx context.Context, what string, f func(context.Context, search.Engine) error) error {
	world := w.p.world
	return w.p.pass(ctx, "engine "+what, func() error { //nolint:contextcheck // the simulated engine goes on when its caller is gone
		return world.faulty(EngineBefore, EngineAfter, func() (err error) {
			world.disk.out.do(func() { err = f(context.Background(), world.engine) })
			return err
		})
	})
}

func (w writer) Write(ctx context.Context, b search.Batch) error {
	if w.p.world.bug == countedIDs {
		b = w.p.counted
	}
	name := "write"
	if len(b.Annotations) > 0 {
		name += " " + b.Annotations[0].GetRun()
	} else if len(b.Embeddings) > 0 {
		name += " " + b.Embeddings[0].GetRun()
	}
	return w.do(ctx, name, func(ctx context.Context, e search.Engine) error {
		if w.p.world.half {
			b.Annotations = b.Annotations[:(len(b.Annotations)+1)/2]
			b.Embeddings = nil
		}
		return e.Write(ctx, b)
	})
}

func (w writer) TrimRun(ctx context.Context, run string, annotations, embeddings int64) error {
	return w.do(ctx, "trim "+run, func(ctx context.Context, e search.Engine) error { return e.TrimRun(ctx, run, annotations, embeddings) })
}

func (w writer) DeleteRun(ctx context.Context, run string) error {
	return w.do(ctx, "delete "+run, func(ctx context.Context, e search.Engine) error { return e.DeleteRun(ctx, run) })
}

// found holds the items of some runs that a reader finds by searching.
type found struct{ annotations, embeddings map[item]bool }

const everyWord = "item"

func find(ctx context.Context, e search.Engine, scope *search.Scope, words string) (found, error) {
	f := found{map[item]bool{}, map[item]bool{}}
	text, err := e.Text(ctx, search.TextQuery{Scope: scope, Words: words, Languages: []string{"en"}, Limit: search.MaxLimit})
	vectors, err2 := e.Vector(ctx, search.VectorQuery{Scope: scope, Space: schema.SpaceID(space), Vector: []float32{1, 0, 0, 0}, Limit: search.MaxLimit})
	if err := errors.Join(err, err2); err != nil {
		return f, err
	}
	for _, h := range text {
		if k := (item{h.Run, h.Ordinal}); f.annotations[k] {
			return f, errkind.New(errkind.Internal, "annotation %v is found twice", k)
		} else {
			f.annotations[k] = true
		}
	}
	for _, h := range vectors {
		if k := (item{h.Run, h.Ordinal}); f.embeddings[k] {
			return f, errkind.New(errkind.Internal, "embedding %v is found twice", k)
		} else {
			f.embeddings[k] = true
		}
	}
	return f, nil
}
