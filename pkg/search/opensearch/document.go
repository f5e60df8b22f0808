package opensearch

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

const (
	// maxRunBytes leaves room for the ordinal within the 512 bytes of a document's id.
	maxRunBytes = 480
	// maxKeyBytes bounds the values to filter by. Longer values are cut, since a term of the index has less than 32 KiB.
	maxKeyBytes = 8 << 10
)

func checkItem(run string, ordinal int64) error {
	if len(run) > maxRunBytes {
		return errkind.New(errkind.Invalid, "run %.40q… has a name of %d bytes, and %d are the most here", run, len(run), maxRunBytes)
	}
	return search.CheckItem(run, ordinal)
}

// A document is an item in the form sent. The cluster refuses fields outside the mapping.
type document struct {
	part part
	id   string
	body body
}

type body struct {
	Run       string `json:"run"`
	Ordinal   int64  `json:"ordinal"`
	Asset     string `json:"asset"`
	Kind      string `json:"kind"`
	Person    string `json:"person,omitempty"` // the character in lower case
	Language  string `json:"language,omitempty"`
	Start     int64  `json:"start"`
	End       int64  `json:"end"`
	Empty     bool   `json:"empty,omitempty"` // no time lies between start and end
	Hash      string `json:"hash"`
	Character string `json:"character,omitempty"` // of embeddings, for Dump

	Base       string            `json:"base,omitempty"`
	Confidence *float32          `json:"confidence,omitempty"`
	Text       map[string]string `json:"text,omitempty"` // by the language that analysed it
	Terms      []string          `json:"terms,omitempty"`
	Label      string            `json:"label,omitempty"`
	Labels     []string          `json:"labels,omitempty"`

	Vector []float32 `json:"vector,omitempty"`

	// Folded marks an item taken from the store by a rebuild, until the live engine is told the item.
	Folded bool `json:"folded,omitempty"`
}

func documentID(run string, ordinal int64) string { return fmt.Sprintf("%s/%08x", run, ordinal) }

// documents returns the documents of a batch: of each identity, the last item.
func (e *Engine) documents(b search.Batch) ([]document, error) {
	docs := make([]document, 0, len(b.Annotations)+len(b.Embeddings))
	place := map[string]int{}
	add := func(d document) {
		key := d.part.name + "\x00" + d.id
		if i, ok := place[key]; ok {
			docs[i] = d
			return
		}
		place[key] = len(docs)
		docs = append(docs, d)
	}
	for _, a := range b.Annotations {
		if a.GetText() == "" && a.GetLabel() == "" {
			continue
		}
		d, err := e.annotation(a)
		if err != nil {
			return nil, err
		}
		add(d)
	}
	for _, m := range b.Embeddings {
		d, err := e.embedding(m)
		if err != nil {
			return nil, err
		}
		add(d)
	}
	return docs, nil
}

func valid(s string) string { return strings.ToValidUTF8(s, " ") }

// key bounds a value to filter by.
func key(s string) string {
	if len(s) > maxKeyBytes {
		s = s[:maxKeyBytes]
	}
	return valid(s)
}

func (e *Engine) annotation(a *pb.Annotation) (document, error) {
	if err := checkItem(a.GetRun(), a.GetOrdinal()); err != nil {
		return document{}, err
	}
	confidence := a.GetConfidence()
	if c := float64(confidence); math.IsNaN(c) || math.IsInf(c, 0) {
		return document{}, errkind.New(errkind.Invalid, "annotation %s has a confidence of %v", schema.ItemID(a.GetRun(), a.GetOrdinal()), confidence)
	}
	d := body{
		Run: valid(a.GetRun()), Ordinal: a.GetOrdinal(), Asset: valid(a.GetAsset()), Kind: key(a.GetKind()), Person: key(words.Name(a.GetCharacter())),
		Start: a.GetStart(), End: a.GetEnd(), Empty: schema.IntervalOf(a).Empty(), Confidence: &confidence,
		Hash: strconv.FormatUint(search.HashText(&pb.Annotation{Text: valid(a.GetText()), Label: valid(a.GetLabel()), Character: valid(a.GetCharacter())}), 16),
	}
	if a.GetText() != "" {
		d.Language = words.Canonical(valid(a.GetLanguage()))
		d.Base = words.BaseOf(d.Language)
		lang, err := e.languages.Of(d.Base)
		if err != nil {
			return document{}, err
		}
		line, terms := analysed(lang, words.Clean(a.GetText()))
		d.Text, d.Terms = map[string]string{fieldOf(d.Base): line}, terms
	}
	if a.GetLabel() != "" {
		d.Label, d.Labels = analysed(e.languages.Label(), words.Clean(a.GetLabel()))
	}
	return document{e.text, documentID(d.Run, d.Ordinal), d}, nil
}

func (e *Engine) embedding(m *pb.Embedding) (document, error) {
	id := schema.ItemID(m.GetRun(), m.GetOrdinal())
	p, err := e.space(m.GetSpace())
	if err == nil {
		err = checkItem(m.GetRun(), m.GetOrdinal())
	}
	if err != nil {
		return document{}, fmt.Errorf("writing embedding %s: %w", id, err)
	}
	v, err := comparable(m.GetVector(), p.space)
	if err != nil {
		return document{}, fmt.Errorf("writing embedding %s: %w", id, err)
	}
	d := body{
		Run: valid(m.GetRun()), Ordinal: m.GetOrdinal(), Asset: valid(m.GetAsset()), Kind: key(m.GetKind()),
		Person: key(words.Name(m.GetCharacter())), Character: valid(m.GetCharacter()),
		Start: m.GetStart(), End: m.GetEnd(), Empty: schema.IntervalOf(m).Empty(), Hash: search.HashVector(v), Vector: v,
	}
	if m.GetLanguage() != "" {
		d.Language = words.Canonical(valid(m.GetLanguage()))
	}
	return document{p, documentID(d.Run, d.Ordinal), d}, nil
}

// own are the languages with a field of their own.
var own = func() map[string]bool {
	own := map[string]bool{}
	for _, base := range words.Own() {
		own[base] = true
	}
	return own
}()

// fieldOf returns the field of a base language's texts. Languages without an analysis of their own share a field, and differ in the field
// base.
func fieldOf(base string) string {
	if own[base] {
		return base
	}
	return words.Undetermined
}

// analysed writes the terms of a text so the cluster's analyzer finds each term at its position.
func analysed(lang *words.Language, text []byte) (line string, terms []string) {
	var b strings.Builder
	seen := map[string]bool{}
	at := 0
	for _, t := range lang.Tokens(text) {
		s := term(t.Term)
		if t.Position == at {
			b.WriteString(samePlace)
		} else {
			if at > 0 {
				b.WriteByte(' ')
			}
			for at++; at < t.Position; at++ {
				b.WriteString(leftOut + " ")
			}
		}
		b.WriteString(s)
		if !seen[s] {
			seen[s] = true
			terms = append(terms, s)
		}
	}
	return b.String(), terms
}

// term returns a term in its indexed form: without spaces, which separate terms, and cut.
func term(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > maxTermLetters {
			return -1
		}
		if unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f || r == utf8.RuneError {
			return '-'
		}
		return r
	}, s)
}

// comparable checks a vector and, for the cosine, brings the vector to length 1.
func comparable(v []float32, s *pb.Space) ([]float32, error) {
	if len(v) != int(s.GetDimension()) {
		return nil, errkind.New(errkind.Invalid, "vector of dimension %d in space %s of %d", len(v), schema.SpaceID(s), s.GetDimension())
	}
	var sum float64
	for i, x := range v {
		if x-x != 0 { // of NaN and the infinities alone
			return nil, errkind.New(errkind.Invalid, "vector value %d is %v", i, x)
		}
		sum += float64(float64(x) * float64(x))
	}
	if sum > math.MaxFloat32 {
		return nil, errkind.New(errkind.Invalid, "vector of length %g is too long", math.Sqrt(sum))
	}
	scale := 1.0
	if s.GetMetric() == cosine {
		if sum == 0 {
			return nil, errkind.New(errkind.Invalid, "vector of length zero has no direction to compare")
		}
		if math.Abs(sum-1) > 1e-6 {
			scale = 1 / math.Sqrt(sum)
		}
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(float64(x) * scale)
	}
	return out, nil
}

func (d document) encode() ([]byte, error) {
	b, err := json.Marshal(d.body)
	if err != nil {
		return nil, fmt.Errorf("encoding item %s: %w", d.id, err)
	}
	return b, nil
}
