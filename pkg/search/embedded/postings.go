package embedded

import (
	"fmt"
	"reflect"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"
)

// A postings list holds the documents of a segment with a term, hidden documents too.
type postings struct {
	list segment.PostingsList
	docs *roaring.Bitmap // not to be changed: a part of the segment
	it   segment.PostingsIterator
}

// postings returns the documents with a term. reuse is a list that is no longer needed, and may be the zero value.
func (v *view) postings(field, term string, reuse postings) (postings, error) {
	d, err := v.dictionary(field)
	if err != nil {
		return postings{}, err
	}
	p := postings{}
	if p.list, err = d.PostingsList([]byte(term), nil, reuse.list); err != nil {
		return postings{}, fmt.Errorf("looking up %q: %w", term, err)
	}
	p.it = p.list.Iterator(false, false, false, reuse.it)
	if o, ok := p.it.(segment.OptimizablePostingsIterator); ok {
		p.docs = o.ActualBitmap()
	}
	if p.docs == nil { // a term of one document, or of none
		p.docs = roaring.New()
		if err := unite(p.docs, p.list); err != nil {
			return postings{}, fmt.Errorf("looking up %q: %w", term, err)
		}
	}
	return p, nil
}

// count returns the number of visible documents with a term.
func (v *view) count(p postings) uint64 {
	switch n := p.docs.GetCardinality(); {
	case n == 0 || v.except == nil:
		return n
	case v.visible != nil:
		return p.docs.AndCardinality(v.visible)
	default:
		return n - p.docs.AndCardinality(v.except)
	}
}

// seen returns the visible documents with a term, within only unless only is nil. The bitmap is not to be changed.
func (v *view) seen(p postings, only *roaring.Bitmap) *roaring.Bitmap {
	switch {
	case only != nil:
		return roaring.And(p.docs, only)
	case v.visible != nil:
		return roaring.And(p.docs, v.visible)
	case v.except != nil:
		return roaring.AndNot(p.docs, v.except)
	default:
		return p.docs
	}
}

// A walk goes through some documents of a postings list, with frequencies and lengths.
type walk struct {
	it segment.PostingsIterator

	// Where the walk leaves most documents of the list out, the walk skips from chunk to chunk.
	ahead roaring.IntPeekable // of docs; nil where the walk does not skip
	all   roaring.IntPeekable // the iterator's own place in the list
	chunk uint32              // documents of a chunk of the segment
}

// skipFrom is how many documents a list must have for each document to walk, so that the walk skips.
const skipFrom = 4

// walk returns a walk through some documents of the list.
func (p postings) walk(docs *roaring.Bitmap, positions bool, reuse *walk) *walk {
	w := &walk{}
	if reuse != nil {
		w.it = reuse.it
	}
	w.it = p.list.Iterator(true, true, positions, w.it)
	w.replace(p, docs)
	return w
}

// replace sets the documents to walk. The walk has not begun.
func (w *walk) replace(p postings, docs *roaring.Bitmap) {
	w.ahead = nil
	if docs == p.docs {
		return
	}
	o, ok := w.it.(segment.OptimizablePostingsIterator)
	if !ok {
		return
	}
	o.ReplaceActual(docs)
	if docs.GetCardinality()*skipFrom < p.docs.GetCardinality() {
		if w.all, w.chunk = inside(w.it, p.list); w.all != nil {
			w.ahead = docs.Iterator()
		}
	}
}

// inside returns the place of an iterator in its list, and the number of documents of a chunk; nil where the library keeps the two
// otherwise.
//
// The iterator reads frequencies chunk by chunk. Ahead of each document, the iterator counts the documents of the whole list before the
// document, one by one from the last one on. A document of a later chunk needs no counting ahead of its chunk. The library has no call
// for this: it has a place of its own, which can be moved.
func inside(it segment.PostingsIterator, list segment.PostingsList) (roaring.IntPeekable, uint32) {
	i, l := reflect.ValueOf(it), reflect.ValueOf(list)
	if i.Kind() != reflect.Pointer || l.Kind() != reflect.Pointer || i.Elem().Kind() != reflect.Struct || l.Elem().Kind() != reflect.Struct {
		return nil, 0
	}
	place, size := i.Elem().FieldByName("all"), l.Elem().FieldByName("chunkSize")
	if !place.IsValid() || place.Type() != reflect.TypeFor[roaring.IntPeekable]() || !size.IsValid() || !size.CanUint() {
		return nil, 0
	}
	return *(*roaring.IntPeekable)(place.Addr().UnsafePointer()), uint32(size.Uint())
}

func (w *walk) next() (segment.Posting, error) {
	if w.ahead != nil && w.ahead.HasNext() {
		w.skip()
	}
	return w.it.Next()
}

// advance returns the posting of a document, or the next posting behind.
func (w *walk) advance(doc uint64) (segment.Posting, error) {
	if w.ahead != nil {
		if w.ahead.AdvanceIfNeeded(uint32(doc)); w.ahead.HasNext() {
			w.skip()
		}
	}
	return w.it.Advance(doc)
}

// skip moves the iterator to the chunk of the next document.
func (w *walk) skip() {
	if next := w.ahead.Next(); w.chunk > 0 {
		w.all.AdvanceIfNeeded(next / w.chunk * w.chunk)
	}
}
