package opensearch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
)

const (
	// resolveEvery is the longest time between two looks of a process for a rebuild under way. A rebuild waits that long before the store
	// is read. A write without knowledge of the rebuild has reached the store by then.
	resolveEvery = time.Second
	// drain is how long the former live indices are kept after the swap, for earlier searches.
	drain = 2 * time.Second
)

var errEnded = errkind.New(errkind.Conflict, "this rebuild has ended: it was committed, given up, or another was begun")

// nextParts are the aliases of the parts that a rebuild under way fills; empty where no rebuild is under way. A space that was added after the
// rebuild began is not among the parts.
type nextParts map[string]bool

func (n nextParts) any() bool { return len(n) > 0 }

// underway returns the parts of a rebuild of any process under way, as of at most resolveEvery ago.
func (e *Engine) underway(ctx context.Context) (nextParts, error) {
	e.next.Lock()
	defer e.next.Unlock()
	now := time.Now()
	if now.Sub(e.next.asOf) < resolveEvery {
		return e.next.underway, nil
	}
	found, err := e.nextAliases(ctx)
	if err != nil {
		return nil, err
	}
	e.next.underway, e.next.asOf = found, now
	return found, nil
}

// nextAliases reads which parts have an index of a rebuild. The index of the texts is made last and taken away with the others in one request, so
// a rebuild without texts is none.
func (e *Engine) nextAliases(ctx context.Context) (nextParts, error) {
	var found map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	err := e.client.do(ctx, http.MethodGet, "/_alias/"+e.cfg.Prefix+".*.next", nil, &found)
	var f *failure
	if errors.As(err, &f) && f.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a rebuild under way: %w", err)
	}
	out := nextParts{}
	for _, index := range found {
		for alias := range index.Aliases {
			out[alias] = true
		}
	}
	if !out[e.text.next()] {
		return nil, nil
	}
	return out, nil
}

func (e *Engine) forget() {
	e.next.Lock()
	defer e.next.Unlock()
	e.next.asOf = time.Time{}
}

// A rebuild is a second set of indices. Every process writes to the rebuild through the aliases .next. Items from the store are written
// through aliases of their own, unless a newer document is there. Such documents are marked, so that a later trim deletes items from the
// store and keeps items that were written meanwhile.
type rebuild struct {
	engine     *Engine
	generation string
	// parts are the texts, and the spaces of the moment when the rebuild began. A space that is added later keeps the live index: every item of the
	// space is written there.
	parts []part

	mu    sync.Mutex
	ended bool
}

var _ search.Rebuild = (*rebuild)(nil)

// Rebuild implements search.Rebuilder.
func (e *Engine) Rebuild(ctx context.Context) (search.Rebuild, error) {
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if e.closed.Load() {
		return nil, errClosed
	}
	if e.fresh != nil {
		e.fresh.end()
		e.fresh = nil
	}
	if err := e.removeLeft(ctx); err != nil {
		return nil, fmt.Errorf("removing what an earlier rebuild left: %w", err)
	}
	e.adding.Lock()
	r := &rebuild{engine: e, generation: newGeneration(), parts: e.parts()}
	e.adding.Unlock()
	// The texts come last, since writers look for the alias of the texts.
	parts := append([]part{e.trims()}, r.parts[1:]...)
	for _, p := range append(parts, e.text) {
		if err := e.create(ctx, p, r.generation, p.next(), p.fold(r.generation)); err != nil {
			return nil, errors.Join(fmt.Errorf("beginning a rebuild: %w", err), e.removeGeneration(ctx, r.generation))
		}
	}
	e.fresh = r
	e.forget()
	wait := time.NewTimer(resolveEvery + resolveEvery/4)
	defer wait.Stop()
	select {
	case <-wait.C:
		return r, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), r.giveUp(context.WithoutCancel(ctx)))
	}
}

// removeLeft deletes the indices out of use.
func (e *Engine) removeLeft(ctx context.Context) error {
	var found map[string]struct {
		Aliases map[string]any `json:"aliases"`
	}
	pattern := strings.Join([]string{e.cfg.Prefix + ".text.*", e.cfg.Prefix + ".space.*", e.cfg.Prefix + ".trims.*"}, ",")
	if err := e.client.do(ctx, http.MethodGet, "/"+pattern+"/_alias", nil, &found); err != nil {
		return err
	}
	var left []string
	for index, f := range found {
		alias := index[:strings.LastIndexByte(index, '.')]
		if _, live := f.Aliases[alias]; !live {
			left = append(left, index)
		}
	}
	return e.removeIndices(ctx, left)
}

func (e *Engine) removeGeneration(ctx context.Context, generation string) error {
	names := []string{e.trims().index(generation)}
	for _, p := range e.parts() {
		names = append(names, p.index(generation))
	}
	return e.removeIndices(ctx, names)
}

func (e *Engine) removeIndices(ctx context.Context, names []string) error {
	slices.Sort(names)
	for chunk := range slices.Chunk(names, 50) { // a URL has a bounded length
		if err := e.client.do(ctx, http.MethodDelete, "/"+strings.Join(chunk, ",")+"?ignore_unavailable=true", nil, nil); err != nil {
			return fmt.Errorf("deleting indices: %w", err)
		}
	}
	return nil
}

func (r *rebuild) has(p part) bool {
	return slices.ContainsFunc(r.parts, func(o part) bool { return o.name == p.name })
}

// at returns the index of a part in the rebuilt engine.
func (r *rebuild) at(p part) string {
	if !r.has(p) && p.name != r.engine.trims().name {
		return p.name
	}
	return p.index(r.generation)
}

func (r *rebuild) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

// within calls f while the rebuild is under way. A rebuild whose indices are gone is no longer under way.
func (r *rebuild) within(f func() error) error {
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended {
		return errEnded
	}
	err := f()
	if errors.Is(err, errGone) || isFailure(err, indexNotFound) {
		return errEnded
	}
	return err
}

// Write implements search.Writer.
func (r *rebuild) Write(ctx context.Context, b search.Batch) (err error) {
	defer func(begun time.Time) { r.engine.measure("rebuild", begun, err) }(time.Now())
	return r.within(func() error {
		docs, err := r.engine.documents(b)
		if err != nil {
			return err
		}
		entries := make([]entry, 0, len(docs))
		for _, d := range docs {
			if !r.has(d.part) {
				continue // the live index of the space has the item
			}
			d.body.Folded = true
			doc, err := d.encode()
			if err != nil {
				return err
			}
			// The present document was written later, or by this rebuild.
			entries = append(entries, entry{d.part.fold(r.generation), "create", d.id, doc})
		}
		return r.engine.bulk(ctx, entries)
	})
}

// TrimRun implements search.Writer.
func (r *rebuild) TrimRun(ctx context.Context, run string, annotations, embeddings int64) error {
	if err := errors.Join(checkItem(run, annotations), checkItem(run, embeddings)); err != nil {
		return err
	}
	return r.within(func() error {
		return r.engine.trim(ctx, func(p part) []string {
			if !r.has(p) {
				return nil
			}
			return []string{p.fold(r.generation)}
		}, valid(run), annotations, embeddings)
	})
}

// DeleteRun implements search.Writer.
func (r *rebuild) DeleteRun(ctx context.Context, run string) error { return r.TrimRun(ctx, run, 0, 0) }

// Text implements search.Searcher.
func (r *rebuild) Text(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	err = r.within(func() (err error) { hits, err = r.engine.findText(ctx, r.at, q); return err })
	return hits, err
}

// Vector implements search.Searcher.
func (r *rebuild) Vector(ctx context.Context, q search.VectorQuery) (hits []search.Hit, err error) {
	err = r.within(func() (err error) { hits, err = r.engine.findVector(ctx, r.at, q); return err })
	return hits, err
}

// Set implements search.Searcher.
func (r *rebuild) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.HitsOf(r.Items(ctx, q))
}

// Items implements search.ItemReader.
func (r *rebuild) Items(ctx context.Context, q search.SetQuery) iter.Seq2[search.Items, error] {
	first := func(ask func() (bool, error)) error {
		return r.within(func() error { _, err := ask(); return err })
	}
	return r.engine.setOf(ctx, r.at, q, first)
}

// Size implements search.Searcher.
func (r *rebuild) Size(ctx context.Context, q search.SetQuery) (n int, err error) {
	err = r.within(func() (err error) { n, err = r.engine.sizeOf(ctx, r.at, q); return err })
	return n, err
}

// Languages implements search.Searcher.
func (r *rebuild) Languages(ctx context.Context, s *search.Scope) (tags []string, err error) {
	err = r.within(func() (err error) { tags, err = r.engine.languagesWithin(ctx, r.at, s); return err })
	return tags, err
}

// Characters implements search.Searcher.
func (r *rebuild) Characters(ctx context.Context, s *search.Scope, prefix string, limit int) (names []string, err error) {
	err = r.within(func() (err error) { names, err = r.engine.charactersWithin(ctx, r.at, s, prefix, limit); return err })
	return names, err
}

// Spellings implements search.Searcher.
func (r *rebuild) Spellings(ctx context.Context, q search.TextQuery) (out []search.Spelling, err error) {
	err = r.within(func() (err error) { out, err = r.engine.spellings(ctx, r.at, q); return err })
	return out, err
}

// Marks implements search.Searcher.
func (r *rebuild) Marks(q search.TextQuery, text, language string) [][2]int {
	return r.engine.Marks(q, text, language)
}

// Dump implements search.Engine.
func (r *rebuild) Dump(ctx context.Context, w io.Writer) error {
	return r.within(func() error { return r.engine.dump(ctx, r.at, w) })
}

// Ready implements search.Engine.
func (r *rebuild) Ready(ctx context.Context) error {
	return r.within(func() error {
		for _, p := range r.parts {
			if index, err := r.engine.indexOf(ctx, p.fold(r.generation)); err != nil || index == "" {
				return errors.Join(err, errGone)
			}
		}
		return nil
	})
}

// Commit implements search.Rebuild.
func (r *rebuild) Commit(ctx context.Context) error {
	e := r.engine
	e.rebuilding.Lock()
	defer e.rebuilding.Unlock()
	if e.fresh != r {
		return errEnded
	}
	old, err := r.swap(ctx)
	if err != nil {
		if errors.Is(err, errEnded) {
			r.end()
			e.fresh = nil
		}
		return err
	}
	r.end()
	e.fresh = nil
	e.forget()
	e.lookAgain()
	// The swap is done. Indices left behind are deleted when the next rebuild begins.
	wait := time.NewTimer(drain)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	if err := e.removeIndices(context.WithoutCancel(ctx), append(old, e.trims().index(r.generation))); err != nil {
		e.log.Warn("deleting the indices before", "error", err)
	}
	return nil
}

// swap moves the aliases in a single request, which the cluster applies at once, and returns the former live indices.
func (r *rebuild) swap(ctx context.Context) (old []string, err error) {
	e := r.engine
	if err := r.trimAgain(ctx); err != nil {
		return nil, fmt.Errorf("deleting what was trimmed meanwhile: %w", err)
	}
	var actions []any
	act := func(verb, index, alias string) {
		o := object{"index": index, "alias": alias}
		if verb == "remove" {
			o["must_exist"] = true // else another rebuild began
		}
		actions = append(actions, object{verb: o})
	}
	for _, p := range r.parts {
		was, err := e.indexOf(ctx, p.name)
		if err != nil {
			return nil, err
		}
		if was == p.index(r.generation) {
			return nil, nil // an earlier call moved the aliases, and got no answer
		}
		if was != "" {
			old = append(old, was)
			act("remove", was, p.name)
		}
		act("remove", p.index(r.generation), p.next())
		act("remove", p.index(r.generation), p.fold(r.generation))
		act("add", p.index(r.generation), p.name)
	}
	trims := e.trims()
	act("remove", trims.index(r.generation), trims.next())
	act("remove", trims.index(r.generation), trims.fold(r.generation))
	if err := r.mark(ctx); err != nil {
		return nil, err
	}
	err = e.client.do(ctx, http.MethodPost, "/_aliases", object{"actions": actions}, nil)
	if isFailure(err, indexNotFound, aliasesNotFound) {
		return nil, errEnded
	}
	if err != nil {
		return nil, fmt.Errorf("making the rebuilt engine the live one: %w", err)
	}
	return old, nil
}

// trimAgain deletes items taken from the store after the live engine was told to trim the items.
func (r *rebuild) trimAgain(ctx context.Context) error {
	e := r.engine
	type bounds struct{ annotations, embeddings int64 }
	least := map[string]bounds{}
	trims := r.at(e.trims())
	if err := e.client.do(ctx, http.MethodPost, "/"+trims+"/_refresh", nil, nil); err != nil {
		if isFailure(err, indexNotFound) {
			return errEnded
		}
		return err
	}
	type trimmed struct {
		Run         string `json:"run"`
		Annotations int64  `json:"annotations"`
		Embeddings  int64  `json:"embeddings"`
	}
	for t, err := range walk[trimmed](ctx, e, trims, "run", "annotations", "embeddings") {
		if err != nil {
			return err
		}
		b, ok := least[t.Run]
		if !ok {
			b = bounds{t.Annotations, t.Embeddings}
		}
		least[t.Run] = bounds{min(b.annotations, t.Annotations), min(b.embeddings, t.Embeddings)}
	}
	var texts, vectors []any
	for run, b := range least {
		texts, vectors = append(texts, beyond(run, b.annotations)), append(vectors, beyond(run, b.embeddings))
	}
	for _, p := range r.parts {
		queries := vectors
		if p.space == nil {
			queries = texts
		}
		for chunk := range slices.Chunk(queries, 200) {
			query := object{"bool": object{"filter": []any{object{"term": object{"folded": true}}}, "should": chunk, "minimum_should_match": 1}}
			if err := e.remove(ctx, []string{p.fold(r.generation)}, query); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close implements search.Rebuild.
func (r *rebuild) Close() error {
	r.engine.rebuilding.Lock()
	defer r.engine.rebuilding.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), r.engine.cfg.Timeout)
	defer cancel()
	return r.giveUp(ctx)
}

// giveUp is called with rebuilding held.
func (r *rebuild) giveUp(ctx context.Context) error {
	if r.engine.fresh != r {
		return nil
	}
	r.end()
	r.engine.fresh = nil
	r.engine.forget()
	return r.engine.removeGeneration(ctx, r.generation)
}
