package embedded

import (
	"sync/atomic"

	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/size"
	index "github.com/blevesearch/bleve_index_api"
	"github.com/cespare/xxhash/v2"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// A wordField is a text that is indexed by its words. The length of a text is counted in positions: a word and its form without accents
// share a position, and count once. Offsets into the text are left out, since nothing reads offsets.
type wordField struct {
	name   string
	text   []byte
	lang   *words.Language
	length int
	terms  index.TokenFrequencies
}

var _ index.Field = (*wordField)(nil)

func newWordField(name, text string, lang *words.Language) *wordField {
	return &wordField{name: name, text: words.Clean(text), lang: lang}
}

// Analyze implements index.Field.
func (f *wordField) Analyze() {
	tokens := f.lang.Tokens(f.text)
	f.terms = make(index.TokenFrequencies, len(tokens))
	bytes, last := 0, 0
	for _, t := range tokens {
		bytes += len(t.Term)
	}
	// Tokens are many: their values are cut from a few slices.
	letters := make([]byte, 0, bytes)
	places := make([]index.TokenLocation, len(tokens))
	pointers := make([]*index.TokenLocation, len(tokens))
	frequencies := make([]index.TokenFreq, len(tokens))
	for i, t := range tokens {
		places[i].Position = t.Position
		known := f.terms[t.Term]
		if known == nil {
			from := len(letters)
			letters = append(letters, t.Term...)
			known = &frequencies[i]
			known.Term = letters[from:len(letters):len(letters)]
			pointers[i] = &places[i]
			known.Locations = pointers[i : i+1 : i+1]
			f.terms[t.Term] = known
		} else {
			known.Locations = append(known.Locations, &places[i])
		}
		known.SetFrequency(known.Frequency() + 1)
		if t.Position != last {
			f.length++
			last = t.Position
		}
	}
}

// Name implements index.Field.
func (f *wordField) Name() string { return f.name }

// Value implements index.Field.
func (f *wordField) Value() []byte { return f.text }

// ArrayPositions implements index.Field.
func (f *wordField) ArrayPositions() []uint64 { return nil }

// EncodedFieldType implements index.Field.
func (f *wordField) EncodedFieldType() byte { return 't' }

// Options implements index.Field.
func (f *wordField) Options() index.FieldIndexingOptions { return wordOptions }

// AnalyzedLength implements index.Field.
func (f *wordField) AnalyzedLength() int { return f.length }

// AnalyzedTokenFrequencies implements index.Field.
func (f *wordField) AnalyzedTokenFrequencies() index.TokenFrequencies { return f.terms }

// NumPlainTextBytes implements index.Field.
func (f *wordField) NumPlainTextBytes() uint64 { return uint64(len(f.text)) }

// Size implements scorch's bookkeeping of memory.
func (f *wordField) Size() int {
	n := len(f.name) + len(f.text) + size.SizeOfPtr
	if f.terms != nil {
		n += f.terms.Size()
	}
	return n
}

// A keyField is a value to filter documents by, indexed unchanged.
type keyField struct {
	wordField
	terms index.TokenFrequencies
}

// keyTerms keeps the terms of frequent values: a library has a few kinds and languages.
type keyTerms [256]atomic.Pointer[keyTerm]

type keyTerm struct {
	value string
	terms index.TokenFrequencies
}

var keys keyTerms

func key(field, value string) document.Field {
	slot := &keys[xxhash.Sum64String(value)%uint64(len(keys))]
	k := slot.Load()
	if k == nil || k.value != value {
		term := &index.TokenFreq{Term: []byte(value), Locations: nil}
		k = &keyTerm{value, index.TokenFrequencies{value: term}}
		slot.Store(k)
	}
	return &keyField{wordField{name: field}, k.terms}
}

// Analyze implements index.Field.
func (f *keyField) Analyze() {}

// Options implements index.Field.
func (f *keyField) Options() index.FieldIndexingOptions { return keyOptions }

// AnalyzedLength implements index.Field.
func (f *keyField) AnalyzedLength() int { return 1 }

// AnalyzedTokenFrequencies implements index.Field.
func (f *keyField) AnalyzedTokenFrequencies() index.TokenFrequencies { return f.terms }
