package embedded

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// sights keeps how questions saw a segment. A question so costs the difference to an earlier question, and not the size of the segment.
// Kept bitmaps are shared and never change.
type sights struct {
	mu sync.Mutex
	// hidden are the documents that a scope hides, by the identity of the scope.
	hidden recent[search.Runs, *hiding]
	// narrowed are the documents that a filter hides, by the filter.
	narrowed recent[string, *hiding]
	whole    recent[sightOf, *sight]
}

type sightOf struct {
	scope   *hiding
	deleted *roaring.Bitmap
	filter  string
}

// fewVisible says which share of the documents is few: a question that sees fewer looks at the visible documents alone.
const fewVisible = 16

// filtersKept bounds how many filters of each segment are kept. Suggestions ask every leaf of words at each key, and each leaf has a filter.
const filtersKept = 64

func newSights(docs uint64, scopes int) sights {
	// A bitmap takes at most an eighth of a byte a document.
	bytes := 64<<10 + 2*docs
	return sights{
		hidden:   recent[search.Runs, *hiding]{most: scopes, mostBytes: bytes},
		narrowed: recent[string, *hiding]{most: filtersKept, mostBytes: bytes},
		whole:    recent[sightOf, *sight]{most: scopes, mostBytes: bytes},
	}
}

// sights returns where sights of a set are kept.
func (c *columns) sights(d *decided) *sights {
	if d.named {
		return &c.named
	}
	return &c.followed
}

// A hiding is a set of documents that are not seen.
type hiding struct {
	weighed
	docs *roaring.Bitmap // nil: none
	all  bool            // every document of the segment
}

func newHiding(docs *roaring.Bitmap, of int) *hiding {
	n := docs.GetCardinality()
	h := &hiding{all: n == uint64(of)}
	if n > 0 {
		docs.RunOptimize()
		h.docs, h.bytes = docs, docs.GetSizeInBytes()
	}
	return h
}

// hidden returns the documents of runs that the set does not hold.
func (c *columns) hidden(s *shown) (*hiding, *sights) {
	if len(c.runs) == 0 {
		return &hiding{}, &c.followed
	}
	d := s.upTo(int(c.runs[len(c.runs)-1]) + 1)
	kept := c.sights(d)
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if h, ok := kept.hidden.get(s.runs); ok {
		return h, kept
	}
	h := (*hiding)(nil)
	for _, k := range s.kin {
		if old, ok := kept.hidden.get(k.runs); ok {
			h = c.switched(old, k.changed, d)
			break
		}
	}
	if h == nil {
		h = c.hiddenAnew(d)
	}
	kept.hidden.put(s.runs, h)
	return h, kept
}

// switched returns the hidden documents after some runs changed. If the segment holds none of the runs, switched returns old itself.
func (c *columns) switched(old *hiding, changed []uint32, d *decided) *hiding {
	var show, hide []uint32
	for _, run := range changed {
		place, ok := c.place(run)
		if !ok {
			continue
		}
		docs := c.docs(place)
		switch was, holds := old.docs != nil && old.docs.Contains(docs[0]), d.has(run); {
		case was && holds:
			show = append(show, docs...)
		case !was && !holds:
			hide = append(hide, docs...)
		}
	}
	if len(show)+len(hide) == 0 {
		return old
	}
	docs := roaring.New()
	if old.docs != nil {
		docs = old.docs.Clone()
	}
	docs.AndNot(roaring.BitmapOf(show...))
	docs.Or(roaring.BitmapOf(hide...))
	return newHiding(docs, len(c.runOf))
}

// hiddenAnew goes through the runs of the segment, or through the named runs of the scope if these are fewer.
func (c *columns) hiddenAnew(d *decided) *hiding {
	var shown, hidden []int // places
	if d.named && len(d.few)*8 < len(c.runs) {
		for _, run := range d.few {
			if place, ok := c.place(run); ok {
				shown = append(shown, place)
			}
		}
		return newHiding(c.gather(shown, true), len(c.runOf))
	}
	for place, run := range c.runs {
		if d.has(run) {
			shown = append(shown, place)
		} else {
			hidden = append(hidden, place)
		}
	}
	if len(shown) < len(hidden) {
		return newHiding(c.gather(shown, true), len(c.runOf))
	}
	return newHiding(c.gather(hidden, false), len(c.runOf))
}

// gather returns the documents of runs, or the documents of all other runs.
func (c *columns) gather(places []int, others bool) *roaring.Bitmap {
	n := 0
	for _, p := range places {
		n += len(c.docs(p))
	}
	docs := roaring.New()
	if n > len(c.runOf)/64 {
		dense := make([]uint64, (len(c.runOf)+63)/64)
		for _, p := range places {
			for _, doc := range c.docs(p) {
				dense[doc>>6] |= 1 << (doc & 63)
			}
		}
		docs = roaring.FromDense(dense, true)
	} else {
		for _, p := range places {
			docs.AddMany(c.docs(p))
		}
	}
	if others {
		docs.Flip(0, uint64(len(c.runOf)))
	}
	return docs
}

// A sight is a segment as questions of one scope and one filter see it.
type sight struct {
	weighed
	except *roaring.Bitmap // documents that are hidden by the scope or the filter, or deleted; nil: none
	live   uint64          // how many other documents there are
	// visible are the other documents where these are few; nil otherwise.
	visible *roaring.Bitmap

	mu        sync.Mutex
	languages atomic.Pointer[map[string]uint64] // of the live documents; nil until languages are counted
	before    *sight                            // an earlier sight with languages, to count from; nil after counting
}

// look gives a view the sight of a scope and a filter.
func (v *view) look(scope *hiding, kept *sights, f search.Filter) error {
	key := sightOf{scope, v.seg.Deleted(), filterKey(f)}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if s, ok := kept.whole.get(key); ok {
		v.sight, v.except, v.visible, v.live = s, s.except, s.visible, s.live
		return nil
	}
	narrowed, ok := kept.narrowed.get(key.filter)
	if !ok {
		docs, err := v.outside(f)
		if err != nil {
			return err
		}
		narrowed = newHiding(docs, len(v.cols.runOf))
		kept.narrowed.put(key.filter, narrowed)
	}
	if narrowed.all {
		return nil // no document passes, and a sight would take the place of a sight with documents
	}
	s := &sight{}
	for _, part := range []*roaring.Bitmap{scope.docs, key.deleted, narrowed.docs} {
		switch {
		case part == nil:
		case s.except == nil:
			s.except = part
		default:
			s.except = roaring.Or(s.except, part)
			s.bytes = s.except.GetSizeInBytes()
		}
	}
	s.live = uint64(len(v.cols.runOf))
	if s.except != nil && s.except.HasRunCompression() {
		// A list of documents without a few runs of documents is worked out by unpacking each run anew, for each term of a question.
		s.except = roaring.FromDense(s.except.ToDense(), false)
		s.bytes = s.except.GetSizeInBytes()
	}
	if s.except != nil {
		s.live -= s.except.GetCardinality()
		if n := uint64(len(v.cols.runOf)); s.live < n/fewVisible {
			s.visible = roaring.Flip(s.except, 0, n)
			s.bytes += s.visible.GetSizeInBytes()
		}
	}
	s.before, _ = kept.whole.last(func(k sightOf, s *sight) bool { return k.filter == key.filter && s.languages.Load() != nil })
	kept.whole.put(key, s)
	v.sight, v.except, v.visible, v.live = s, s.except, s.visible, s.live
	return nil
}

// filterKey encodes the parts of a filter that look applies. Values come from callers, so each value follows its length.
func filterKey(f search.Filter) string {
	if len(f.Kinds)+len(f.Characters)+len(f.Languages) == 0 {
		return ""
	}
	var key []byte
	for _, values := range [][]string{f.Kinds, f.Characters, f.Languages} {
		key = binary.AppendUvarint(key, uint64(len(values)))
		for _, v := range values {
			key = append(binary.AppendUvarint(key, uint64(len(v))), v...)
		}
	}
	return string(key)
}

// outside returns the documents that do not pass the indexed parts of a filter. top.offer checks confidence and span.
func (v *view) outside(f search.Filter) (*roaring.Bitmap, error) {
	outside := roaring.New()
	exclude := func(field string, terms []string) error {
		kept := roaring.New()
		for _, term := range terms {
			if err := v.gather(kept, field, []byte(term)); err != nil {
				return err
			}
		}
		kept.Flip(0, v.seg.Segment().Count())
		outside.Or(kept)
		return nil
	}
	if len(f.Kinds) > 0 {
		if err := exclude(kindField, f.Kinds); err != nil {
			return nil, err
		}
	}
	if len(f.Characters) > 0 {
		lower := make([]string, len(f.Characters))
		for i, c := range f.Characters {
			lower[i] = words.Name(c)
		}
		if err := exclude(personField, lower); err != nil {
			return nil, err
		}
	}
	if len(f.Languages) > 0 {
		wanted := make([]string, len(f.Languages))
		for i, l := range f.Languages {
			wanted[i] = words.Canonical(l)
		}
		var within []string
		err := v.eachTerm(languageField, func(tag string) error {
			if slices.ContainsFunc(wanted, func(w string) bool { return words.Within(tag, w) }) {
				within = append(within, strings.Clone(tag))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if err := exclude(languageField, within); err != nil {
			return nil, err
		}
	}
	return outside, nil
}

// languages counts the visible documents of each language.
func (v *view) languages() (map[string]uint64, error) {
	s := v.sight
	if counts := s.languages.Load(); counts != nil {
		return *counts, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if counts := s.languages.Load(); counts != nil {
		return *counts, nil
	}
	counts, err := v.countLanguages(s.before)
	if err != nil {
		return nil, err
	}
	s.before = nil
	s.languages.Store(&counts)
	return counts, nil
}

// countLanguages counts the documents of each language by the least of three sets: the documents that came and went since an earlier
// sight, the visible documents, or the hidden documents.
func (v *view) countLanguages(before *sight) (map[string]uint64, error) {
	n := uint64(len(v.cols.runOf))
	var came, went *roaring.Bitmap
	if before != nil {
		came, went = difference(before.except, v.except), difference(v.except, before.except)
		if came.GetCardinality()+went.GetCardinality() > n/8 {
			before = nil
		}
	}
	var visible *roaring.Bitmap
	if visible = v.visible; before == nil && visible == nil && v.live < n/2 {
		visible = roaring.Flip(v.except, 0, n)
	}
	counts := map[string]uint64{}
	err := v.eachTerm(languageField, func(tag string) error {
		all, err := v.counted(tag, nil)
		if err != nil {
			return err
		}
		within := func(docs *roaring.Bitmap) uint64 {
			if docs.IsEmpty() || err != nil {
				return 0
			}
			var others uint64
			others, err = v.counted(tag, docs)
			return all - others
		}
		var count uint64
		switch {
		case before != nil:
			count = (*before.languages.Load())[tag] + within(came) - within(went)
		case visible != nil:
			count = within(visible)
		default:
			count, err = v.counted(tag, v.except)
		}
		if count > 0 {
			counts[strings.Clone(tag)] = count
		}
		return err
	})
	return counts, err
}

// counted returns how many documents have a language, but for some.
func (v *view) counted(tag string, but *roaring.Bitmap) (uint64, error) {
	d, err := v.dictionary(languageField)
	if err != nil {
		return 0, err
	}
	pl, err := d.PostingsList([]byte(tag), but, nil)
	if err != nil {
		return 0, err
	}
	return pl.Count(), nil
}

// difference returns the documents of a that are not in b; nil stands for no documents.
func difference(a, b *roaring.Bitmap) *roaring.Bitmap {
	switch {
	case a == nil || a == b:
		return roaring.New()
	case b == nil:
		return a
	}
	return roaring.AndNot(a, b)
}

// gather adds the documents with a term, hidden documents too.
func (v *view) gather(into *roaring.Bitmap, field string, term []byte) error {
	d, err := v.dictionary(field)
	if err != nil {
		return err
	}
	pl, err := d.PostingsList(term, nil, nil)
	if err != nil {
		return err
	}
	return unite(into, pl)
}

func unite(into *roaring.Bitmap, pl segment.PostingsList) error {
	if b, ok := pl.(interface{ OrInto(*roaring.Bitmap) }); ok {
		b.OrInto(into)
		return nil
	}
	it := pl.Iterator(false, false, false, nil)
	for {
		p, err := it.Next()
		if err != nil || p == nil {
			return err
		}
		into.Add(uint32(p.Number()))
	}
}
