package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

var errEnded = errkind.New(errkind.Conflict, "this rebuild has ended: it was committed, given up, or another was begun")

// Rebuild implements search.Rebuilder: a second generation is filled in a folder of its own.
func (e *Engine) Rebuild(ctx context.Context) (search.Rebuild, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if earlier := e.underway(); earlier != nil {
		if err := earlier.giveUp(); err != nil {
			return nil, fmt.Errorf("giving up an earlier rebuild: %w", err)
		}
	}
	if e.closed.Load() {
		return nil, errClosed
	}
	if err := removeOthers(e.dir, e.live.Load().name); err != nil {
		return nil, err
	}
	// The name is the time, so that no name comes back, whatever is left in the folder.
	name := filepath.Join(generationsDir, strconv.FormatInt(time.Now().UnixNano(), 10))
	gen, err := openGeneration(e.dir, name, e.runs, *e.spaces.Load(), e.log)
	if err != nil {
		return nil, fmt.Errorf("opening a generation beside the live one: %w", err)
	}
	r := &rebuild{engine: e, gen: gen, told: map[itemsOf]*roaring.Bitmap{}, trimmed: map[string]bounds{}, folding: map[string]int{}}
	r.folded = sync.NewCond(&r.mu)
	// Writes under way reach the live engine before the lock is taken. Later writes reach both engines.
	e.writing.Lock()
	e.fresh = r
	e.writing.Unlock()
	return r, nil
}

func (e *Engine) underway() *rebuild {
	e.writing.RLock()
	defer e.writing.RUnlock()
	return e.fresh
}

// A rebuild is a generation that is being filled. Items from the store may be older than items that the live engine is told meanwhile. The
// rebuild therefore keeps the identities of the latter, some bits for each item.
type rebuild struct {
	engine *Engine
	gen    *generation

	mu      sync.Mutex
	ended   bool
	told    map[itemsOf]*roaring.Bitmap // ordinals of items that the live engine was told since the rebuild began
	trimmed map[string]bounds           // by run: the lowest ordinals that the run was trimmed to since
	folding map[string]int              // runs of which a Write from the store is under way
	folded  *sync.Cond                  // signalled when such a Write ends
}

var _ search.Rebuild = (*rebuild)(nil)

// itemsOf names the annotations of a run, or the embeddings of a run in a space.
type itemsOf struct{ run, space string }

type bounds struct{ annotations, embeddings int64 }

// tellWrite notes the items of a batch for the live engine. tellWrite first waits for Writes from the store of the same runs.
func (r *rebuild) tellWrite(b search.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.busy(b) {
		r.folded.Wait()
	}
	note := func(run, space string, ordinal int64) {
		if ordinal < 0 || ordinal > search.MaxOrdinal {
			return // the engine refuses the item
		}
		k := itemsOf{run, space}
		if r.told[k] == nil {
			r.told[k] = roaring.New()
		}
		r.told[k].Add(uint32(ordinal))
	}
	for _, a := range b.Annotations {
		note(a.GetRun(), "", a.GetOrdinal())
	}
	for _, m := range b.Embeddings {
		note(m.GetRun(), m.GetSpace(), m.GetOrdinal())
	}
}

func (r *rebuild) busy(b search.Batch) bool {
	if len(r.folding) == 0 {
		return false
	}
	for _, a := range b.Annotations {
		if r.folding[a.GetRun()] > 0 {
			return true
		}
	}
	for _, m := range b.Embeddings {
		if r.folding[m.GetRun()] > 0 {
			return true
		}
	}
	return false
}

func (r *rebuild) tellTrim(run string, annotations, embeddings int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.folding[run] > 0 {
		r.folded.Wait()
	}
	b, ok := r.trimmed[run]
	if !ok {
		b = bounds{math.MaxInt64, math.MaxInt64}
	}
	r.trimmed[run] = bounds{min(b.annotations, annotations), min(b.embeddings, embeddings)}
}

// begin returns the items of a batch from the store that the live engine was not told since, and marks the runs of the batch as being
// folded.
func (r *rebuild) begin(b search.Batch) (_ search.Batch, done func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return search.Batch{}, nil, errEnded
	}
	current := func(run, space string, ordinal, bound int64, trimmed bool) bool {
		if trimmed && ordinal >= bound {
			return false
		}
		told := r.told[itemsOf{run, space}]
		return told == nil || ordinal < 0 || ordinal > search.MaxOrdinal || !told.Contains(uint32(ordinal))
	}
	var kept search.Batch
	runs := map[string]struct{}{}
	for _, a := range b.Annotations {
		t, ok := r.trimmed[a.GetRun()]
		if current(a.GetRun(), "", a.GetOrdinal(), t.annotations, ok) {
			kept.Annotations = append(kept.Annotations, a)
			runs[a.GetRun()] = struct{}{}
		}
	}
	for _, m := range b.Embeddings {
		t, ok := r.trimmed[m.GetRun()]
		if current(m.GetRun(), m.GetSpace(), m.GetOrdinal(), t.embeddings, ok) {
			kept.Embeddings = append(kept.Embeddings, m)
			runs[m.GetRun()] = struct{}{}
		}
	}
	for run := range runs {
		r.folding[run]++
	}
	return kept, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for run := range runs {
			if r.folding[run]--; r.folding[run] == 0 {
				delete(r.folding, run)
			}
		}
		r.folded.Broadcast()
	}, nil
}

// Write implements search.Writer.
func (r *rebuild) Write(ctx context.Context, b search.Batch) (err error) {
	defer func(begun time.Time) { r.engine.measure("rebuild", begun, err) }(time.Now())
	kept, done, err := r.begin(b)
	if err != nil {
		return err
	}
	defer done()
	return r.within(func(g *generation) error { return g.write(ctx, kept) })
}

// TrimRun implements search.Writer.
func (r *rebuild) TrimRun(ctx context.Context, run string, annotations, embeddings int64) error {
	if err := errors.Join(search.CheckItem(run, annotations), search.CheckItem(run, embeddings)); err != nil {
		return err
	}
	return r.within(func(g *generation) error { return g.trim(ctx, run, annotations, embeddings) })
}

// DeleteRun implements search.Writer.
func (r *rebuild) DeleteRun(ctx context.Context, run string) error { return r.TrimRun(ctx, run, 0, 0) }

// within calls f with the generation. After the rebuild ended, within is an error of kind Conflict.
func (r *rebuild) within(f func(*generation) error) error {
	r.mu.Lock()
	ended := r.ended || !r.gen.enter()
	r.mu.Unlock()
	if ended {
		return errEnded
	}
	defer r.gen.leave()
	return f(r.gen)
}

// Text implements search.Searcher.
func (r *rebuild) Text(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	err = r.within(func(g *generation) (err error) { hits, err = g.text.find(ctx, q); return err })
	return hits, err
}

// Vector implements search.Searcher.
func (r *rebuild) Vector(ctx context.Context, q search.VectorQuery) (hits []search.Hit, err error) {
	err = r.within(func(g *generation) (err error) { hits, err = g.vector(ctx, q); return err })
	return hits, err
}

// Set implements search.Searcher.
func (r *rebuild) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.HitsOf(r.Items(ctx, q))
}

// Items implements search.ItemReader.
func (r *rebuild) Items(ctx context.Context, q search.SetQuery) iter.Seq2[search.Items, error] {
	return setItems(ctx, q, func() (all *reading, err error) {
		err = r.within(func(g *generation) (err error) { all, err = g.set(ctx, q); return err })
		return all, err
	})
}

// Size implements search.Searcher.
func (r *rebuild) Size(ctx context.Context, q search.SetQuery) (n int, err error) {
	if err := q.Check(); err != nil {
		return 0, err
	}
	err = r.within(func(g *generation) (err error) { n, err = g.size(ctx, q); return err })
	return n, err
}

// Languages implements search.Searcher.
func (r *rebuild) Languages(ctx context.Context, s *search.Scope) (tags []string, err error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	err = r.within(func(g *generation) (err error) { tags, err = g.text.languagesWithin(ctx, s); return err })
	return tags, err
}

// Characters implements search.Searcher.
func (r *rebuild) Characters(ctx context.Context, s *search.Scope, prefix string, limit int) (names []string, err error) {
	err = r.within(func(g *generation) (err error) {
		names, err = g.text.charactersWithin(ctx, s, prefix, limit)
		return err
	})
	return names, err
}

// Spellings implements search.Searcher.
func (r *rebuild) Spellings(ctx context.Context, q search.TextQuery) (out []search.Spelling, err error) {
	err = r.within(func(g *generation) (err error) { out, err = g.text.spellings(ctx, q); return err })
	return out, err
}

// Marks implements search.Searcher.
func (r *rebuild) Marks(q search.TextQuery, text, language string) [][2]int {
	return r.engine.Marks(q, text, language)
}

// Dump implements search.Engine.
func (r *rebuild) Dump(ctx context.Context, w io.Writer) error {
	return r.within(func(g *generation) error { return g.dump(ctx, w) })
}

// Ready implements search.Engine.
func (r *rebuild) Ready(ctx context.Context) error {
	return r.within(func(g *generation) error { return errors.Join(ctx.Err(), g.text.ready()) })
}

// Commit implements search.Rebuild.
func (r *rebuild) Commit(ctx context.Context) error {
	e := r.engine
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	e.writing.Lock() // writes under way have reached both
	if e.fresh != r {
		e.writing.Unlock()
		return errEnded
	}
	err := ctx.Err()
	if err == nil {
		err = setCurrent(e.dir, r.gen.name)
	}
	if err != nil {
		e.writing.Unlock()
		return fmt.Errorf("making the rebuilt engine the live one: %w", err)
	}
	old := e.live.Swap(r.gen)
	e.fresh = nil
	e.writing.Unlock()
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	// The swap is done. Files that stay behind are removed at the next Open.
	if err := e.filled(ctx); err != nil {
		e.log.Warn("noting that the search engine was filled anew: it is done again at the next start", "error", err)
	}
	old.retire()
	if err := errors.Join(old.close(), removeOthers(e.dir, r.gen.name)); err != nil {
		e.log.Warn("removing the generation before", "generation", old.name, "error", err)
	}
	return nil
}

// Close implements search.Rebuild.
func (r *rebuild) Close() error {
	r.engine.rebuilding.Lock()
	defer r.engine.rebuilding.Unlock()
	return r.giveUp()
}

// giveUp is called with rebuilding held.
func (r *rebuild) giveUp() error {
	e := r.engine
	e.writing.Lock() // no write reaches the rebuild any more
	under := e.fresh == r
	if under {
		e.fresh = nil
	}
	e.writing.Unlock()
	if !under {
		return nil
	}
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.gen.retire()
	return errors.Join(r.gen.close(), os.RemoveAll(filepath.Join(e.dir, r.gen.name)))
}

// writeBoth writes into the live generation, and into the generation of a rebuild under way.
func (e *Engine) writeBoth(ctx context.Context, b search.Batch) error {
	return e.both(func(r *rebuild) { r.tellWrite(b) }, func(g *generation) error { return g.write(ctx, b) })
}

func (e *Engine) trimBoth(ctx context.Context, run string, annotations, embeddings int64) error {
	return e.both(func(r *rebuild) { r.tellTrim(run, annotations, embeddings) }, func(g *generation) error { return g.trim(ctx, run, annotations, embeddings) })
}

func (e *Engine) both(tell func(*rebuild), do func(*generation) error) error {
	e.writing.RLock()
	defer e.writing.RUnlock()
	if e.fresh == nil {
		return do(e.live.Load())
	}
	tell(e.fresh)
	fresh := make(chan error, 1)
	go func() { fresh <- do(e.fresh.gen) }()
	err := do(e.live.Load())
	return errors.Join(err, <-fresh)
}

var _ search.Rebuilder = (*Engine)(nil)
