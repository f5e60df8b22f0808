package e5

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/cpu"
	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

const (
	// Dim is the length of a vector.
	Dim = 384
	// MaxRunes is the number of characters that are read of a text. The limit is about half of the model's window (510 tokens), and takes half a
	// second; subtitles and queries are shorter.
	MaxRunes = 500
	// MaxQueryTokens is the number of tokens that are read of a query, by estimate: about a fifth of a second of a processor. 500 letters of a
	// natural language have fewer tokens.
	MaxQueryTokens = 160
)

// engine is the C library, loaded once and kept.
var engine struct {
	sync.Mutex
	loaded bool
	load   func(path string) uintptr
	free   func(model uintptr)
	dim    func(model uintptr) int32
	embed  func(model uintptr, text string, isQuery int32, out *float32) int32
}

func loadEngine(path string) error {
	engine.Lock()
	defer engine.Unlock()
	if engine.loaded {
		return nil
	}
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return errkind.New(errkind.Unavailable, "the sentence model needs a processor with AVX2 and FMA")
	}
	// The library divides each text among threads, in a pool for each calling thread, and Go calls from many threads. A single thread per call, and
	// several calls at the same time, use the processors better. OpenMP reads the variable when the library is loaded, and no other library should
	// read the variable.
	const variable = "OMP_NUM_THREADS"
	before, set := os.LookupEnv(variable)
	_ = os.Setenv(variable, "1")
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if set {
		_ = os.Setenv(variable, before)
	} else {
		_ = os.Unsetenv(variable)
	}
	if err != nil {
		return errkind.New(errkind.Unavailable, "loading the sentence model's engine: %w", err)
	}
	purego.RegisterLibFunc(&engine.load, library, "e5_load")
	purego.RegisterLibFunc(&engine.free, library, "e5_free")
	purego.RegisterLibFunc(&engine.dim, library, "e5_dim")
	purego.RegisterLibFunc(&engine.embed, library, "e5_embed")
	engine.loaded = true
	return nil
}

// Model is the loaded model. A Model is safe for concurrent use.
type Model struct {
	handle uintptr
	slots  chan struct{} // a slot for each call that may run at the same time
}

// Open loads the model from the cache.
func Open(cache model.Cache) (*Model, error) {
	library, err := cache.Require("e5-engine")
	if err != nil {
		return nil, err
	}
	if _, err := cache.Require("e5-engine-libgomp"); err != nil {
		return nil, err
	}
	weights, err := cache.Require("e5-model")
	if err != nil {
		return nil, err
	}
	if err := loadEngine(library); err != nil {
		return nil, err
	}
	handle := engine.load(weights)
	if handle == 0 || engine.dim(handle) != Dim {
		return nil, errkind.New(errkind.Invalid, "opening %s: the file is not a sentence model; run: cinedex models verify", weights)
	}
	return &Model{handle, make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Close frees the model, after running calls have ended. No call may follow.
func (m *Model) Close() error {
	for range cap(m.slots) {
		m.slots <- struct{}{}
	}
	engine.free(m.handle)
	return nil
}

// Query returns the vector of the words of a search, of length 1. Compare the vector with vectors of passages.
func (m *Model) Query(ctx context.Context, text string) ([]float32, error) {
	return m.vector(ctx, upTo(clean(text), MaxQueryTokens), 1)
}

// Passage returns the vector of a searchable text, of length 1.
func (m *Model) Passage(ctx context.Context, text string) ([]float32, error) {
	return m.vector(ctx, clean(text), 0)
}

// vector runs the model in an indivisible step of some 10 to 20 ms for a cleaned sentence. The end of ctx ends the wait for a processor, not the
// computation.
func (m *Model) vector(ctx context.Context, text string, isQuery int32) ([]float32, error) {
	if text == "" {
		return nil, errkind.New(errkind.Invalid, "the text has no words")
	}
	if err := ctx.Err(); err != nil { // checked even if a processor is free
		return nil, err
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := make([]float32, Dim)
	if engine.embed(m.handle, text, isQuery, &out[0]) != 0 {
		return nil, errkind.New(errkind.Internal, "the sentence model refused a text")
	}
	return out, nil
}

// tokens estimates the number of tokens of a text, and calls each with the sum after every character until each returns false. Words of a language
// have about a token for four letters. A digit, a sign, a character of a script without letters, and a letter among consonants are a token each.
// Letters in random order have more tokens.
func tokens(text string, each func(at int, sum float64) bool) {
	sum, consonants := 0.0, 0
	for i, r := range text {
		if consonants++; !unicode.IsLetter(r) || r > unicode.MaxASCII || strings.ContainsRune("aeiouyAEIOUY", r) {
			consonants = 0
		}
		switch {
		case consonants > 3:
			sum++
		case unicode.IsSpace(r), unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek):
			sum += 0.25
		case r < 0x2e80 && unicode.IsLetter(r): // the scripts of China, Japan and Korea are beyond
			sum += 0.5
		default:
			sum++
		}
		if !each(i, sum) {
			return
		}
	}
}

// Cost is the approximate time of Query for a text, in milliseconds of a processor. Cost is at most 5 + MaxQueryTokens.
func Cost(text string) float64 {
	var all float64
	tokens(text, func(_ int, sum float64) bool {
		all = sum
		return sum < MaxQueryTokens
	})
	return 5 + min(all, MaxQueryTokens)
}

// upTo returns the beginning of a text with at most so many tokens, by estimate.
func upTo(text string, most float64) string {
	end := len(text)
	tokens(text, func(at int, sum float64) bool {
		if sum > most {
			end = at
		}
		return sum <= most
	})
	return strings.TrimSpace(text[:end])
}

// clean makes text safe for the library, and at most MaxRunes long.
//
// The library takes a C string, which a zero byte would end. The library reserves four characters for each byte before it normalises, and there is a
// character that becomes eighteen (U+FDFA). After normalisation by clean, no character becomes more than one.
func clean(text string) string {
	// Composition shortens a text by at most this factor in any script.
	const before = 4 * utf8.UTFMax * MaxRunes
	if len(text) > before {
		text = text[:before]
	}
	text = norm.NFKC.String(strings.ToValidUTF8(text, " "))
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	text = strings.TrimSpace(text)
	runes := 0
	for i := range text {
		if runes++; runes > MaxRunes {
			return strings.TrimSpace(text[:i])
		}
	}
	return text
}
