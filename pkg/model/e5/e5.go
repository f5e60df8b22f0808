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
	// MaxRunes is how much of a text is read. It is about half of what the model sees at
	// a time (510 tokens), and takes half a second; subtitles and queries are shorter.
	MaxRunes = 500
	// MaxQueryTokens is how much of a query is read, by the estimate of tokens: about a fifth of a second of one
	// processor. 500 letters of a language are below it.
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
	// The library divides each text among threads, in a pool for each thread that
	// calls, and Go calls from many. One thread a call, and several calls at a time, use
	// the processors better. OpenMP reads this variable when it is loaded, and nobody
	// else should.
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

// Model is the loaded model, for any number of goroutines.
type Model struct {
	handle uintptr
	slots  chan struct{} // one for each call that may run at a time
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
		return nil, errkind.New(errkind.Invalid, "opening %s: it is no sentence model; run: cinedex models verify", weights)
	}
	return &Model{handle, make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Close frees the model, after the calls that are under way. No call may follow.
func (m *Model) Close() error {
	for range cap(m.slots) {
		m.slots <- struct{}{}
	}
	engine.free(m.handle)
	return nil
}

// Query returns the vector of what somebody looks for, of length 1. Compare it
// with those of passages.
func (m *Model) Query(ctx context.Context, text string) ([]float32, error) {
	return m.vector(ctx, upTo(clean(text), MaxQueryTokens), 1)
}

// Passage returns the vector of what may be found, of length 1.
func (m *Model) Passage(ctx context.Context, text string) ([]float32, error) {
	return m.vector(ctx, clean(text), 0)
}

// vector is one indivisible step of some 10 to 20 ms for a sentence that was cleaned; the context
// ends the wait for a processor, not the computation.
func (m *Model) vector(ctx context.Context, text string, isQuery int32) ([]float32, error) {
	if text == "" {
		return nil, errkind.New(errkind.Invalid, "there are no words in the text")
	}
	if err := ctx.Err(); err != nil { // a processor may be free as well
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

// tokens estimates how many tokens a text has up to each of its characters, and calls each with the sum so far until
// each returns false. Words of a language have about a token for four letters. A digit, a sign, a character of a script
// without letters and a letter among consonants are a token each. Letters in no order have more.
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
		case r < 0x2e80 && unicode.IsLetter(r): // beyond are the scripts of China, Japan and Korea
			sum += 0.5
		default:
			sum++
		}
		if !each(i, sum) {
			return
		}
	}
}

// Cost is about the milliseconds of one processor that Query takes for a text. It is never above 5 + MaxQueryTokens.
func Cost(text string) float64 {
	var all float64
	tokens(text, func(_ int, sum float64) bool {
		all = sum
		return sum < MaxQueryTokens
	})
	return 5 + min(all, MaxQueryTokens)
}

// upTo returns the beginning of a text that has no more tokens than that, by estimate.
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
// The library takes a C string, so a zero byte would end it. It reserves four
// characters for each byte before it normalises, and there is a character that
// becomes eighteen (U+FDFA); normalised beforehand, none becomes more than one.
func clean(text string) string {
	// Composing makes text shorter, by no more than this in any script.
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
