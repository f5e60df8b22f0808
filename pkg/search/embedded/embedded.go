package embedded

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Config is what an operator sets.
type Config struct {
	// Spaces are those that embeddings may be of. One more than the folder holds is added.
	Spaces []*pb.Space
}

// Deps is what main builds. The zero Deps logs nothing and measures nothing.
type Deps struct {
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Engine is a search.Engine in one folder, which one process may have open at a time.
type Engine struct {
	text *text
}

var _ search.Engine = (*Engine)(nil)

// Open opens the engine in dir, and makes it if there is none.
func Open(dir string, cfg Config, deps Deps) (*Engine, error) {
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t, err := openText(filepath.Join(dir, "text"), log)
	if err != nil {
		return nil, err
	}
	return &Engine{text: t}, nil
}

// Close ends the engine. What Write returned nil for is kept; writes under way fail.
func (e *Engine) Close() error { return e.text.close() }

// Ready reports why the engine cannot be written, if so. It may still be searched.
func (e *Engine) Ready(ctx context.Context) error {
	return errors.Join(ctx.Err(), e.text.ready())
}

// Write implements search.Writer.
func (e *Engine) Write(ctx context.Context, b search.Batch) error {
	for _, m := range b.Embeddings {
		return errkind.New(errkind.Invalid, "embedding %s/%d is of space %q, which this engine was not opened with", m.GetRun(), m.GetOrdinal(), m.GetSpace())
	}
	return e.text.write(ctx, b.Annotations)
}

// TrimRun implements search.Writer.
func (e *Engine) TrimRun(ctx context.Context, run string, annotations, embeddings int64) error {
	if err := checkIdentity(run, annotations); err != nil {
		return err
	}
	return e.text.remove(ctx, run, annotations)
}

// DeleteRun implements search.Writer.
func (e *Engine) DeleteRun(ctx context.Context, run string) error {
	return e.TrimRun(ctx, run, 0, 0)
}

// Text implements search.Searcher.
func (e *Engine) Text(ctx context.Context, q search.TextQuery) ([]search.Hit, error) {
	if err := checkText(q); err != nil {
		return nil, err
	}
	return e.text.find(ctx, q)
}

// Vector implements search.Searcher.
func (e *Engine) Vector(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	return nil, errkind.New(errkind.Invalid, "unknown space %q", q.Space)
}

// Languages implements search.Searcher.
func (e *Engine) Languages(ctx context.Context, s *search.Scope) ([]string, error) {
	if s == nil {
		return nil, errkind.New(errkind.Internal, "a question without a scope")
	}
	return e.text.languagesWithin(s)
}

// Dump implements search.Engine.
func (e *Engine) Dump(ctx context.Context, w io.Writer) error {
	return e.text.dump(ctx, func(line dumpedText) error { return writeLine(w, line) })
}

// Marks implements search.Searcher.
func (e *Engine) Marks(q search.TextQuery, text, language string) [][2]int {
	return e.text.marks(q, text, language)
}
