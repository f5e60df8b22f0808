package embedded

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	segment "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// A view is a segment as a question sees the segment. except holds the documents that are outside the scope, filtered out or deleted.
// Every read of the segment passes over these documents.
type view struct {
	seg     *scorch.SegmentSnapshot
	cols    *columns
	sight   *sight
	except  *roaring.Bitmap // of the sight
	visible *roaring.Bitmap // of the sight
	live    uint64          // of the sight

	dicts map[string]segment.TermDictionary
}

func (v *view) dictionary(field string) (segment.TermDictionary, error) {
	if d, ok := v.dicts[field]; ok {
		return d, nil
	}
	d, err := v.seg.Segment().Dictionary(field)
	if err != nil {
		return nil, err
	}
	v.dicts[field] = d
	return d, nil
}

// row calls f with the stored row of a document. The bytes are not to be kept.
func (v *view) row(doc uint64, f func([]byte) error) error {
	err := errRow
	visitErr := v.seg.VisitDocument(doc, func(field string, _ byte, value []byte, _ []uint64) bool {
		if field == rowField {
			err = f(value)
		}
		return field != rowField
	})
	if err = cmp.Or(visitErr, err); err != nil {
		return fmt.Errorf("reading the row of document %d: %w", doc, err)
	}
	return nil
}

// views returns the views of a snapshot. Segments without a visible document are left out.
func (t *text) views(ctx context.Context, s *scorch.IndexSnapshot, scope *search.Scope, f search.Filter) ([]*view, error) {
	var views []*view
	shown := t.columns.table.shown(scope)
	for _, seg := range s.Segments() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		cols, err := t.columns.of(seg)
		if err != nil {
			return nil, err
		}
		hidden, kept := cols.hidden(shown)
		if hidden.all {
			continue
		}
		v := &view{seg: seg, cols: cols, dicts: map[string]segment.TermDictionary{}}
		if err := v.look(hidden, kept, f); err != nil {
			return nil, err
		}
		if v.live > 0 {
			views = append(views, v)
		}
	}
	return views, nil
}

func (v *view) eachTerm(field string, f func(term string) error) error {
	d, err := v.dictionary(field)
	if err != nil {
		return err
	}
	it := d.AutomatonIterator(nil, nil, nil)
	for {
		e, err := it.Next()
		if err != nil || e == nil {
			return err
		}
		if err := f(e.Term); err != nil {
			return err
		}
	}
}

// visibleLanguages counts the visible documents of each language.
func visibleLanguages(views []*view) (map[string]uint64, error) {
	counts := map[string]uint64{}
	for _, v := range views {
		of, err := v.languages()
		if err != nil {
			return nil, err
		}
		for tag, n := range of {
			counts[tag] += n
		}
	}
	return counts, nil
}

func (t *text) languagesWithin(ctx context.Context, scope *search.Scope) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	views, err := t.views(ctx, s, scope, search.Filter{})
	if err != nil {
		return nil, err
	}
	counts, err := visibleLanguages(views)
	if err != nil {
		return nil, err
	}
	delete(counts, words.Undetermined)
	tags := make([]string, 0, len(counts))
	for tag := range counts {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return tags, nil
}

// find answers a question about words.
func (t *text) find(ctx context.Context, q search.TextQuery) (hits []search.Hit, err error) {
	limit := min(q.Limit, search.MaxLimit)
	if limit <= 0 {
		return nil, nil
	}
	err = t.ask(ctx, q, func(a *asked) (err error) {
		top := newTop(t.columns.table.list(), a.views, limit, q.Filter)
		for _, f := range a.fields {
			for i := range a.views {
				m := matcher{ctx: ctx, view: a.views[i], segment: i, field: f.name, clauses: f.clauses, slop: words.SlopOf(q.Slop), to: top}
				if err := m.run(q.Mode); err != nil {
					return err
				}
			}
		}
		hits, err = top.hits()
		return err
	})
	return hits, err
}

// An asked is a question about words over a snapshot.
type asked struct {
	views  []*view
	fields []askedField
}

// An askedField is a field with the words to find in the field.
type askedField struct {
	name    string
	clauses []clause
}

// ask calls f with the question over the present snapshot. ask does not call f if the question has no words or no runs to look in.
func (t *text) ask(ctx context.Context, q search.TextQuery, f func(*asked) error) error {
	return t.within(ctx, q, func(views []*view, fields []field, words []byte) error {
		a := &asked{views: views}
		for _, f := range fields {
			clauses, err := f.clauses(ctx, views, q.Mode, words)
			if err != nil {
				return err
			}
			if len(clauses) > 0 {
				a.fields = append(a.fields, askedField{f.name, clauses})
			}
		}
		return f(a)
	})
}

// within calls f with the views and the fields of a question over the present snapshot. within does not call f if the question has no words
// or no runs to look in.
func (t *text) within(ctx context.Context, q search.TextQuery, f func(views []*view, fields []field, words []byte) error) (err error) {
	// A damaged segment shows as an index out of range within the libraries that read the segment. The panic ends the question, and not
	// the process.
	defer func() {
		if p := recover(); p != nil {
			err = errkind.New(errkind.Internal, "searching: %v", p)
			t.log.Error("search panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	words := words.Question(q.Words)
	if len(words) == 0 || q.Scope.Empty() {
		return nil
	}
	s, err := t.snapshot()
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	views, err := t.views(ctx, s, q.Scope, q.Filter)
	if err != nil {
		return err
	}
	fields, err := t.fields(views, q)
	if err != nil {
		return err
	}
	return f(views, fields, words)
}

// A field is the texts of one language, or the labels, with their analysis and the number of visible documents.
type field struct {
	name string
	lang *words.Language
	docs uint64
}

func (t *text) fields(views []*view, q search.TextQuery) ([]field, error) {
	if q.Field == search.FieldLabel {
		var n uint64
		for _, v := range views {
			n += v.live
		}
		return []field{{labelField, t.languages.Label(), n}}, nil
	}
	counts, err := visibleLanguages(views)
	if err != nil {
		return nil, err
	}
	byBase := map[string]uint64{}
	for tag, n := range counts {
		byBase[words.BaseOf(tag)] += n
	}
	bases := make([]string, 0, len(byBase))
	if len(q.Languages) == 0 {
		for base := range byBase {
			bases = append(bases, base)
		}
	}
	for _, tag := range q.Languages {
		if base := words.BaseOf(words.Canonical(tag)); byBase[base] > 0 && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	fields := make([]field, 0, len(bases))
	for _, base := range bases {
		lang, err := t.languages.Of(base)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{textField + base, lang, byBase[base]})
	}
	return fields, nil
}

// A clause is a word of a question: one term, or several terms that may stand for the word.
type clause struct {
	term         string // of the word in the question's own spelling
	alternatives []words.Alternative
	offset       int // position within the question, for phrases
	idf          float64
}

// bound is the most that a document can gain by a clause.
func (c *clause) bound() float64 {
	w := 0.0
	for _, a := range c.alternatives {
		w = max(w, a.Weight)
	}
	return w * c.idf * (words.K1 + 1)
}

// docs returns the number of visible documents with a term of the clause. A document with several of the terms counts several times.
func (c *clause) docs() (n uint64) {
	for _, a := range c.alternatives {
		n += a.Docs
	}
	return n
}

func (f field) clauses(ctx context.Context, views []*view, mode search.TextMode, asked []byte) ([]clause, error) {
	var clauses []clause
	ex := expander{ctx: ctx, field: f.name, views: views}
	wanted, typed := f.lang.Ask(asked, mode)
	for _, w := range wanted {
		if len(clauses) == words.MaxWords {
			break
		}
		if mode != search.Phrase && slices.ContainsFunc(clauses, func(c clause) bool { return c.term == w.Terms[0].Term }) {
			continue
		}
		c := clause{term: w.Terms[0].Term, alternatives: w.Terms, offset: w.Position}
		if mode == search.Fuzzy {
			var err error
			if c.alternatives, err = ex.near(w); err != nil {
				return nil, err
			}
		}
		clauses = append(clauses, c)
	}
	if typed != nil && len(clauses) < words.MaxWords {
		alts, err := ex.begun(f.lang, typed)
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, clause{term: typed.Word, alternatives: alts})
	}
	// A word without a visible document matches nothing. Such a word ends a question that asks for all words.
	known := clauses[:0]
	for _, c := range clauses {
		var df uint64
		var err error
		if c.alternatives, df, err = ex.visible(c.alternatives); err != nil {
			return nil, err
		}
		if df == 0 {
			if mode == search.AllWords || mode == search.Phrase {
				return nil, nil
			}
			continue
		}
		c.idf = words.IDF(f.docs, df)
		known = append(known, c)
	}
	if mode != search.Phrase {
		// From the most frequent word to the rarest. Visible texts alone decide the order.
		slices.SortFunc(known, func(a, b clause) int {
			return cmp.Or(cmp.Compare(a.bound(), b.bound()), cmp.Compare(a.term, b.term))
		})
	}
	return known, nil
}
