package search

import (
	"cmp"
	"context"
	"io"
	"iter"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An Engine indexes the annotations and embeddings of runs, and finds them. Its methods may be called from any goroutine.
type Engine interface {
	Writer
	Searcher
	// Dump writes every item of the engine, whatever the scope: one JSON object a line, ordered by run and ordinal. Two engines that
	// hold the same items MUST write the same bytes.
	Dump(ctx context.Context, w io.Writer) error
	// Ready returns the reason why the engine cannot be used now; nil where the engine can.
	Ready(ctx context.Context) error
	// Close ends the engine. Items of a Write that returned nil stay.
	Close() error
}

// A Lacker is an engine that can lose items, and knows when items may be missing. Callers ask an engine for the role with As.
type Lacker interface {
	// Lacking returns the reason why the engine may hold less than the store; nil where the engine knows no reason.
	//   - The lack stays until a Rebuild commits.
	//   - The answer MAY be a second old. While the server of an engine does not answer, Lacking returns the last answer.
	//   - Lack.Serves says whether the engine answers questions. A lack alone is no reason for an engine to refuse writes.
	Lacking() *Lack
}

// A Lack is the reason why an engine may hold less than the store, or keeps items in the form of an earlier version.
type Lack struct {
	Reason string
	// Serves says that the engine answers questions in spite of the lack. If Serves is false, each question is an error of kind
	// Unavailable: an incomplete answer looks like any other answer.
	Serves bool
}

// Error is the error of each question while the engine lacks items and does not answer.
func (l *Lack) Error() error {
	return errkind.New(errkind.Unavailable, "the search engine does not hold all that the store has, and answers once it has been filled anew (`cinedex jobs list` shows how far that is): %s", l.Reason)
}

// Whole returns the error of an engine that lacks items and does not answer; nil of any other engine.
func Whole(e Searcher) error {
	if l, ok := As[Lacker](e); ok {
		if why := l.Lacking(); why != nil && !why.Serves {
			return why.Error()
		}
	}
	return nil
}

// A Spacer is an engine that takes spaces while the engine is open. Callers ask an engine for the role with As.
type Spacer interface {
	// AddSpace makes room for embeddings of a space. A space that the engine has is no error.
	//   - Once AddSpace has returned nil, writes and questions of this process may be of the space. Each process adds the space for itself.
	//   - Writes and questions under way go on.
	//   - While a rebuild is under way, the items of the space are in the engine after Commit as they were before.
	//   - The engine MUST keep the space: the next Open has the space, in the list of Deps or not.
	//   - Invalid: the space has no valid name, metric or dimension, or the engine has the space with another dimension or metric.
	//   - Unavailable: a retry may help.
	AddSpace(ctx context.Context, s *pb.Space) error
}

// A Rebuilder is an engine that can be filled anew beside the live engine, and swapped at once. Callers ask an engine for the role with As.
type Rebuilder interface {
	// Rebuild begins a fresh, empty engine of the same spaces beside the live engine.
	//   - At most one rebuild is under way. Rebuild gives up an earlier rebuild, of this process or of another process, living or dead. From
	//     then on, writes and Commit of the earlier rebuild are errors of kind Conflict.
	//   - The live engine is searched and written as before.
	//   - Once Rebuild has returned, each Write, TrimRun and DeleteRun of the live engine, by any process, also changes the fresh engine
	//     before the call returns.
	//   - The caller MUST write every item that was written before Rebuild returned into the fresh engine, in any order. The caller reads
	//     the items from the store: every item reaches the store before the engine.
	//   - The caller MUST end the rebuild with Commit or Close.
	Rebuild(ctx context.Context) (Rebuild, error)
}

// A Rebuild is an engine that is being filled beside the live engine. Searches, Dump and Ready are of the fresh engine alone.
//
// Write of a Rebuild takes items that were read from the store, and may be older than the items of the live engine:
//   - Write MUST leave out each item that the live engine was told to write, to trim or to delete since the Rebuild began.
//   - If a caller writes an item twice, an implementation MAY keep either version.
//   - The caller MUST NOT call Write while Commit is under way.
type Rebuild interface {
	Engine
	// Commit makes the fresh engine the live engine at once.
	//   - Each search sees the whole of one of the two engines. No search fails because of the swap.
	//   - The former live engine is deleted afterwards.
	//   - If the process ends before Commit returns, one of the two engines is live and whole.
	//   - Conflict: the rebuild was committed, closed or given up before. The call changes nothing.
	//   - After any other error, one of the two engines is live and whole, and the caller MAY call Commit again. An error MAY hide that
	//     the swap was made: the next Commit then returns nil.
	//   - After Commit or Close, every method of the Rebuild that returns an error returns an error of kind Conflict, except Close.
	Commit(ctx context.Context) error
	// Close gives up and deletes a rebuild that was not committed. After Commit, Close does nothing.
	Close() error
}

const (
	// MaxLimit bounds the hits of one question. A larger limit means MaxLimit. A limit of 0 or below means no hits.
	MaxLimit = 10_000
	// MaxSlop bounds the words between the words of a phrase.
	MaxSlop = 64
	// MaxOrdinal bounds the ordinals of items.
	MaxOrdinal = math.MaxUint32 - 1
)

// CheckItem returns an error of kind Invalid where run and ordinal are no identity of an item.
func CheckItem(run string, ordinal int64) error {
	if run == "" || strings.ContainsAny(run, "/\x00") {
		return errkind.New(errkind.Invalid, "run %q is no identity", run)
	}
	if ordinal < 0 || ordinal > MaxOrdinal {
		return errkind.New(errkind.Invalid, "ordinal %d of run %s is out of range", ordinal, run)
	}
	return nil
}

// A Batch holds items of any number of runs, which the indexer writes together.
type Batch struct {
	// An annotation that has neither text nor label is passed over. An earlier item of the same run and ordinal stays.
	Annotations []*pb.Annotation
	// Embeddings MUST be of spaces that the engine was opened with or was given by AddSpace. An embedding of another space is an error of kind
	// Invalid.
	Embeddings []*pb.Embedding
	// Again says that the caller believes every item of the batch to be in the engine, as in a replay. Again changes the cost and not the
	// result: an engine MAY read the items first, and skip items that are unchanged.
	Again bool
}

// Writer writes and deletes items. Each method returns nil only when the change is durable and seen by every search that begins
// afterwards.
//
// After an error, a part of the change may be made. The caller MAY make the change again. Errors:
//
//   - Invalid: a run or an ordinal is no identity (see CheckItem), or an item cannot be kept.
//   - Unavailable, Exhausted: a retry may help.
//   - Cancelled: the context ended.
type Writer interface {
	// Write writes the items of a batch. An annotation replaces the annotation of the same run and ordinal. An embedding replaces the
	// embedding of the same run, ordinal and space.
	Write(ctx context.Context, b Batch) error
	// TrimRun deletes the annotations of a run from ordinal annotations on, and the embeddings from ordinal embeddings on.
	TrimRun(ctx context.Context, run string, annotations, embeddings int64) error
	// DeleteRun deletes every item of a run. A run that the engine does not hold is no error.
	DeleteRun(ctx context.Context, run string) error
}

// Searcher answers questions about words and questions about vectors. A Searcher ranks the hits of one question. The gateway fuses the
// answers to several questions.
//
// A question without words, with an empty scope, or with a limit of 0 or below has no hits and is no error. Errors:
//
//   - Invalid: no engine can answer the question: an unknown mode, an unknown space, a vector of another dimension.
//   - Internal (ErrNoScope): the scope is nil.
//   - Unavailable: the engine cannot answer now, or lacks items (see Lacker).
//   - Cancelled: the context ended.
type Searcher interface {
	// Text returns annotations by their words, in the order of CompareHits.
	Text(ctx context.Context, q TextQuery) ([]Hit, error)
	// Vector returns embeddings by nearness to the vector, in the order of CompareHits.
	Vector(ctx context.Context, q VectorQuery) ([]Hit, error)
	// Set returns every item that a question finds, whatever the score, in the order of ComparePlaces.
	//   - No item of the set is missing from a sequence that ends without an error. An error ends the sequence; the items before the
	//     error are right.
	//   - Each item comes once. The sequence is of one moment: a write during the sequence is seen wholly or not at all.
	//   - An implementation SHOULD read in proportion to the items within q.Where, and hold a bounded part of the set in memory.
	//   - The caller MAY stop at any item.
	//   - Exhausted: the implementation cannot give a set of this size. The error says how large a set may be.
	Set(ctx context.Context, q SetQuery) iter.Seq2[Hit, error]
	// Size returns an estimate of the number of items of a set: for planning, and cheap beside Set. Size MAY leave the scope, the filter
	// and the windows out of account, and MUST NOT be 0 for a set that has items.
	Size(ctx context.Context, q SetQuery) (int, error)
	// Languages returns the languages of the texts within the scope, as BCP 47 tags, sorted.
	Languages(ctx context.Context, s *Scope) ([]string, error)
	// Characters returns the characters of texts within the scope whose name begins with a prefix: at most limit names, the first in the
	// order of bytes. Names are in the form of words.Name, and so are prefixes: letters of any case are the same.
	//   - Items outside the scope MUST NOT change the answer.
	//   - A prefix of no letters is the beginning of every name.
	//   - An implementation MAY cut a name at 256 bytes.
	Characters(ctx context.Context, s *Scope, prefix string, limit int) ([]string, error)
	// Spellings returns the words of a question that no item within the scope and the filter has, with the terms of items that the words
	// may be misspellings of: see Spelling. Spellings reads Scope, Filter, Field, Words and Languages of q.
	//   - Items outside the scope and the filter MUST NOT change the answer.
	//   - A word that a language leaves out as a frequent word is no misspelling.
	//   - The answer is in the order of the words, then of the languages. A word without a near term comes once, without terms.
	Spellings(ctx context.Context, q TextQuery) ([]Spelling, error)
	// Marks returns the byte ranges of a text in which the words of a query are found, in order and without overlap. language is the
	// language of the text. Marks reads Words and Mode of q alone.
	Marks(q TextQuery, text, language string) [][2]int
}

// ErrNoScope is the error of a question without a scope.
var ErrNoScope = errkind.New(errkind.Internal, "a question without a scope")

// Filter narrows a question further. The zero Filter narrows nothing.
type Filter struct {
	Kinds         []string // the item is of one of the kinds
	Languages     []string // the item is in one of the languages; "en" takes "en-GB" in
	Characters    []string // the item is of one of the characters, compared without case
	MinConfidence float32
	Span          schema.Interval // the item overlaps the span; an empty span means no bound
}

// TextMode says which of the words an annotation must have, and how closely.
type TextMode uint8

// The modes.
const (
	AnyWord  TextMode = iota // some of the words; an annotation with more of the words ranks higher
	AllWords                 // each of the words
	Phrase                   // the words in their order, with small gaps (see TextQuery.Slop)
	Fuzzy                    // each word, with one or two letters wrong
	Prefix                   // search as you type: the last word may be the beginning of a word
	Term                     // Words is a single term as Spellings returns the term, and is not analysed
)

// Field says in which field of annotations the words are looked for.
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
	// Slop is how many words more or fewer than in the question may stand between the words of a Phrase, in all. 0 is the engines' own
	// number, words.Slop. Other modes read no Slop.
	Slop int
	// Languages are the languages of the texts to look in. The words are analysed once for each language. Empty means the languages of
	// all texts within the scope.
	Languages []string
	Limit     int
}

// Check returns an error where no engine can answer the query.
func (q TextQuery) Check() error {
	switch {
	case q.Scope == nil:
		return ErrNoScope
	case q.Mode > Term:
		return errkind.New(errkind.Invalid, "unknown mode %d of words", q.Mode)
	case q.Slop < 0 || q.Slop > MaxSlop:
		return errkind.New(errkind.Invalid, "a slop of %d words is not from 0 to %d", q.Slop, MaxSlop)
	case q.Field > FieldLabel:
		return errkind.New(errkind.Invalid, "unknown field %d of words", q.Field)
	}
	return nil
}

// A Spelling is a word of a question that no item has, in one language of the items.
type Spelling struct {
	// Position is the place of the word among the words of the question, from 1.
	Position int
	// Language is the base language of the texts that Near comes from; empty for labels.
	Language string
	// Term is the word as Language analyses the word. Marks with the mode Term finds the word in the question.
	Term string
	// Near are terms of visible items, the nearest first, then the most frequent, at most MaxNear. Words of scripts without spaces, words
	// with digits, and words of fewer than four letters have none.
	Near []NearTerm
}

// A NearTerm is a term of visible items. Text, Set and Marks take the term with the mode Term.
type NearTerm struct {
	Term string
	// Distance counts the letters by which the term differs. Two letters that changed places count as one (Damerau-Levenshtein). The
	// distance is 1, or 2 for a word of seven letters or more with the same first letter.
	Distance int
	// Docs is the number of visible items with the term.
	Docs int
}

// MaxNear bounds the terms of a Spelling.
const MaxNear = 8

// A VectorQuery asks for embeddings near a vector.
type VectorQuery struct {
	Scope *Scope
	// Filter applies to the language, kind and character of an embedding. An embedding has no confidence, so MinConfidence narrows
	// nothing here.
	Filter Filter
	// Space is "name@version". A vector of another dimension than the space's is an error of kind Invalid.
	Space  string
	Vector []float32
	Limit  int
	// Told, if not nil, takes what the engine tells of the answer beside the hits.
	Told *VectorTold
}

// A VectorTold is what an engine tells of an answer to a VectorQuery beside the hits.
type VectorTold struct {
	// Recall is the least part of the nearest items that the hits are, in the mean of many questions: 1 where the answer is exact, and 0 where
	// the engine makes no promise. Hidden items MUST NOT change Recall.
	Recall float64
	// Read is how many bytes of vectors the engine read; 0 where the engine does not know. Read depends on hidden items, and is for operators
	// alone.
	Read int64
}

// A Hit is an annotation or an embedding that a question found.
type Hit struct {
	Run     string
	Ordinal int64
	Asset   string
	// Kind and Language are the annotation's. Of an embedding they are those of the shot, line or other item that was embedded.
	Kind     string
	Language string
	Interval schema.Interval
	// Score is BM25 for words and the similarity of the space's metric for vectors. Scores of different questions are not comparable.
	Score float64
}

// CompareHits is the order of every answer: by score from the highest, ties by run and ordinal.
func CompareHits(a, b Hit) int {
	if a.Score != b.Score { // mostly, and runs are slow to compare
		return cmp.Compare(b.Score, a.Score)
	}
	return cmp.Or(cmp.Compare(a.Run, b.Run), cmp.Compare(a.Ordinal, b.Ordinal))
}
