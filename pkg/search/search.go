package search

import (
	"cmp"
	"context"
	"io"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An Engine indexes what runs said and finds it again. Its methods may be called
// from any goroutine.
type Engine interface {
	Writer
	Searcher
	// Dump writes what the engine holds, whatever the scope, one JSON object a line in
	// the order of run and ordinal: the same for the same fold, however it came about.
	Dump(ctx context.Context, w io.Writer) error
	Ready(ctx context.Context) error
	Close() error
}

// A Lacker is an engine that can lose what it holds, and knows when it has. Engines are asked for it by a type assertion.
type Lacker interface {
	// Lacking returns why the engine may hold less than the store; nil where it holds all. A Rebuild that commits ends it.
	Lacking() *Lack
}

// A Lack is why an engine may hold less than the store.
type Lack struct {
	Reason string
	// Serves says that the engine answers meanwhile. Otherwise each question is of kind Unavailable, since an answer
	// that lacks something looks like any other.
	Serves bool
}

// Error is what a question is answered with meanwhile.
func (l *Lack) Error() error {
	return errkind.New(errkind.Unavailable, "the search engine does not hold all that the store has, and answers once it has been filled anew (`cinedex jobs list` shows how far that is): %s", l.Reason)
}

// Whole reports why an engine holds less than the store and does not answer, if so.
func Whole(e Searcher) error {
	if l, ok := e.(Lacker); ok {
		if why := l.Lacking(); why != nil && !why.Serves {
			return why.Error()
		}
	}
	return nil
}

// A Rebuilder is an engine that can be filled anew beside what it serves, and swapped at once.
// Engines are asked for it by a type assertion.
type Rebuilder interface {
	// Rebuild begins a fresh engine of the same spaces, with nothing in it, beside the live one. There is one at
	// a time: what an earlier Rebuild began, in this process or in one that has died, is given up, and its
	// Commit and writes are of kind Conflict from then on.
	//
	// The live engine is searched and written as before. What is written to, trimmed and deleted of it, by any
	// process, from the moment that Rebuild returns is done to the fresh one as well, before that call
	// returns. What was there before is the caller's to write into the fresh one, in any order, out of the store,
	// which every item reaches before the engine.
	Rebuild(ctx context.Context) (Rebuild, error)
}

// A Rebuild is an engine that is being filled beside the live one. Searches, Dump and Ready are
// of the fresh one alone. Write never changes an item that the live engine was told of since the Rebuild began, and
// passes over those that it was told to trim or delete: what is read from the store may be
// older than that. It may not be called beside Commit.
type Rebuild interface {
	Engine
	// Commit makes the fresh engine the live one at once: a search sees all of the one or all of the other, and none
	// fails for it. What was live is deleted afterwards. A process that ends before Commit returned leaves
	// the one or the other, whole. Where it fails, the live engine is what it was, and Commit may be
	// called again. A Rebuild that was committed or closed is done with: its methods are of kind Conflict.
	Commit(ctx context.Context) error
	// Close gives up what was not committed, and deletes it. After Commit it does nothing.
	Close() error
}

const (
	// MaxLimit bounds how many hits one question may ask for; more are not given.
	MaxLimit = 10_000
	// MaxOrdinal bounds the ordinals of items.
	MaxOrdinal = math.MaxUint32 - 1
)

// CheckItem reports why run and ordinal are no identity, if so.
func CheckItem(run string, ordinal int64) error {
	if run == "" || strings.ContainsAny(run, "/\x00") {
		return errkind.New(errkind.Invalid, "run %q is no identity", run)
	}
	if ordinal < 0 || ordinal > MaxOrdinal {
		return errkind.New(errkind.Invalid, "ordinal %d of run %s is out of range", ordinal, run)
	}
	return nil
}

// A Batch is what the indexer writes in one go: of any number of runs.
type Batch struct {
	// Annotations with something to search: those without text and label are passed over.
	Annotations []*pb.Annotation
	// Embeddings of the spaces that the engine was opened with; one of another is Invalid.
	Embeddings []*pb.Embedding
	// Again says that all of it has been written before, as far as the caller knows. An engine that would rather look than write
	// may leave alone what searches find already, just as it is.
	Again bool
}

// Writer folds items in.
type Writer interface {
	Write(ctx context.Context, b Batch) error
	// TrimRun deletes what a run has beyond its first n annotations and m embeddings.
	TrimRun(ctx context.Context, run string, annotations, embeddings int64) error
	// DeleteRun deletes all of a run.
	DeleteRun(ctx context.Context, run string) error
}

// Searcher answers questions of one kind each; it ranks, and fuses nothing.
type Searcher interface {
	Text(ctx context.Context, q TextQuery) ([]Hit, error)
	Vector(ctx context.Context, q VectorQuery) ([]Hit, error)
	// Languages returns the languages of the texts within the scope, BCP 47, sorted.
	Languages(ctx context.Context, s *Scope) ([]string, error)
	// Marks returns the byte ranges of a text, in its language, that the query's words
	// are found in, in order and without overlap; Words and Mode of q are read.
	Marks(q TextQuery, text, language string) [][2]int
}

// ErrNoScope is the error of a question without a scope.
var ErrNoScope = errkind.New(errkind.Internal, "a question without a scope")

// Filter narrows a question further. The zero Filter narrows nothing.
type Filter struct {
	Kinds         []string // any of
	Languages     []string // any of; "en" takes "en-GB" in
	Characters    []string // any of, compared without case
	MinConfidence float32
	Span          schema.Interval // overlapping moments only; empty means no bound
}

// TextMode says how words are taken.
type TextMode uint8

// The modes.
const (
	AnyWord  TextMode = iota // some of the words, more is better
	AllWords                 // each of the words
	Phrase                   // the words in their order, small gaps allowed
	Fuzzy                    // each word within one or two letters
	Prefix                   // search as you type: the last word is the beginning of one
)

// Field says where words are looked for.
type Field uint8

// The fields.
const (
	FieldText  Field = iota // Annotation.text, analysed in its language
	FieldLabel              // Annotation.label: names of what is seen
)

// A TextQuery asks for annotations by words.
type TextQuery struct {
	Scope  *Scope
	Filter Filter
	Field  Field
	Mode   TextMode
	Words  string
	// Languages in which the words may be meant: each one's analysis is applied to the
	// texts of that language. Empty means every language within the index.
	Languages []string
	Limit     int
}

// Check reports what no engine can answer.
func (q TextQuery) Check() error {
	switch {
	case q.Scope == nil:
		return ErrNoScope
	case q.Mode > Prefix:
		return errkind.New(errkind.Invalid, "unknown mode %d of words", q.Mode)
	case q.Field > FieldLabel:
		return errkind.New(errkind.Invalid, "unknown field %d of words", q.Field)
	}
	return nil
}

// A VectorQuery asks for embeddings near a vector.
type VectorQuery struct {
	Scope *Scope
	// Filter applies to the language, kind and character that an embedding carries; it
	// has no confidence, so MinConfidence narrows nothing here.
	Filter Filter
	// Space is "name@version". Asking a space with a vector of another dimension is Invalid.
	Space  string
	Vector []float32
	Limit  int
}

// A Hit is one item found.
type Hit struct {
	Run     string
	Ordinal int64
	Asset   string
	// Kind and Language are those of the annotation; of an embedding, of what it stands for.
	Kind     string
	Language string
	Interval schema.Interval
	// Score is the engine's own: BM25 for words, the metric's similarity for vectors.
	Score float64
}

// CompareHits is the order of every answer: by score from the highest, ties by run and ordinal.
func CompareHits(a, b Hit) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Ordinal, b.Ordinal))
}
