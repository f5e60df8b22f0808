package e5

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

func open(t testing.TB) *Model {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(cache)
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking a model: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// Each sentence must be closest to its own translation.
func TestSameMeaningIsNear(t *testing.T) {
	m := open(t)
	ctx := context.Background()
	english := []string{
		"a man walks his dog on the beach at sunset", "a cat sleeps on a red sofa",
		"a rocket launches into the night sky", "a cup of coffee on a wooden table",
		"two people argue in a kitchen", "children play football in the snow",
	}
	others := map[string][]string{
		"es": {"un hombre pasea a su perro por la playa al atardecer", "un gato duerme en un sofá rojo", "un cohete despega hacia el cielo nocturno", "una taza de café sobre una mesa de madera", "dos personas discuten en una cocina", "niños juegan al fútbol en la nieve"},
		"ru": {"мужчина гуляет с собакой по пляжу на закате", "кошка спит на красном диване", "ракета взлетает в ночное небо", "чашка кофе на деревянном столе", "два человека спорят на кухне", "дети играют в футбол на снегу"},
		"ja": {"夕暮れの浜辺で男が犬を散歩させている", "猫が赤いソファで眠っている", "ロケットが夜空に打ち上げられる", "木のテーブルの上のコーヒー一杯", "二人が台所で口論している", "子供たちが雪の中でサッカーをしている"},
		"ar": {"رجل يمشي مع كلبه على الشاطئ عند الغروب", "قطة تنام على أريكة حمراء", "صاروخ ينطلق إلى سماء الليل", "فنجان قهوة على طاولة خشبية", "شخصان يتجادلان في المطبخ", "أطفال يلعبون كرة القدم في الثلج"},
	}
	var passages [][]float32
	for _, s := range english {
		v, err := m.Passage(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if n := dot(v, v); math.Abs(n-1) > 1e-5 {
			t.Fatalf("a vector of length² %v", n)
		}
		passages = append(passages, v)
	}
	for language, sentences := range others {
		for i, s := range sentences {
			q, err := m.Query(ctx, s)
			if err != nil {
				t.Fatal(err)
			}
			best := 0
			for j := range passages {
				if dot(q, passages[j]) > dot(q, passages[best]) {
					best = j
				}
			}
			if best != i {
				t.Errorf("%s: %q is nearest to %q", language, s, english[best])
			}
		}
	}
}

func TestHostileText(t *testing.T) {
	m := open(t)
	ctx := context.Background()
	random := make([]byte, 100_000)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(random)
	for name, text := range map[string]string{
		"zero bytes":        "rain\x00at\x00night",
		"not UTF-8":         "rain \xff\xfe\xc3\x28 night",
		"cut short":         "rain \xf0\x9f\x98",
		"random bytes":      string(random),
		"100 kB":            strings.Repeat("rain at night ", 7200),
		"one endless word":  strings.Repeat("a", 100_000),
		"expands 18 times":  strings.Repeat("\ufdfa", 30_000),
		"combining marks":   "e" + strings.Repeat("\u0301", 50_000),
		"private use":       strings.Repeat("\U0010FFFD", 3000),
		"emoji":             "😀👩‍👩‍👧‍👦🏴‍☠️",
		"right to left":     "\u202e\u202dabc",
		"only a music sign": "♪",
	} {
		t.Run(name, func(t *testing.T) {
			v, err := m.Query(ctx, text)
			if err != nil {
				t.Fatal(err)
			}
			if n := dot(v, v); math.IsNaN(n) || math.Abs(n-1) > 1e-4 {
				t.Fatalf("a vector of length² %v", n)
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "blank": " \t\r\n\u3000", "control characters": "\x00\x01\x02"} {
		if _, err := m.Query(ctx, text); errkind.Of(err) != errkind.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A zero byte must separate words, not hide the rest of the text.
func TestZeroByteHidesNothing(t *testing.T) {
	m := open(t)
	a, err := m.Query(context.Background(), "rain\x00at night")
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Query(context.Background(), "rain at night")
	if err != nil {
		t.Fatal(err)
	}
	if d := dot(a, b); d < 0.99999 {
		t.Errorf("cosine %v", d)
	}
}

func TestSameAnswerFromManyGoroutines(t *testing.T) {
	m := open(t)
	texts := []string{"rain at night", "a dog", "ein Hund im Regen", "猫", "une longue phrase qui parle de beaucoup de choses à la fois"}
	want := make([][]float32, len(texts))
	for i, s := range texts {
		var err error
		if want[i], err = m.Passage(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, s := range texts {
				v, err := m.Passage(context.Background(), s)
				if err != nil {
					t.Error(err)
					return
				}
				for j := range v {
					if v[j] != want[i][j] {
						t.Errorf("%q differs at %d", s, j)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCleanHoldsWhatTheLibraryNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "in")
		out := clean(in)
		if strings.ContainsRune(out, 0) || !utf8.ValidString(out) || utf8.RuneCountInString(out) > MaxRunes {
			t.Fatalf("%q", out)
		}
		if !norm.NFKC.IsNormalString(out) {
			t.Fatalf("%q is not normalised", out)
		}
		if clean(out) != out {
			t.Fatalf("%q becomes %q when cleaned again", out, clean(out))
		}
	})
}

func TestCost(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		least, most float64
	}{
		{"nothing", "", 5, 5},
		{"a few words", "coffee in the harbour", 9, 12},
		{"a long text", strings.Repeat("coffee in the harbour ", 22), 120, 130},
		{"a longer one", strings.Repeat("coffee in the harbour ", 1000), 165, 165},
		{"no letters", strings.Repeat("誰", 40), 45, 45},
		{"signs", "1!?1!?", 11, 11},
		{"letters in no order", strings.Repeat("xqzjkvw", 20), 140, 150},
	} {
		if got := Cost(c.text); got < c.least || got > c.most {
			t.Errorf("%s costs %g, want from %g to %g", c.name, got, c.least, c.most)
		}
	}
	// A cut text costs as much as its remaining beginning. A text of a natural language is not cut before MaxRunes.
	for _, text := range []string{strings.Repeat("誰か", 1000), strings.Repeat("x1!?", 1000), strings.Repeat("xqzjkvw", 1000)} {
		if cut := upTo(text, MaxQueryTokens); Cost(cut) > 5+MaxQueryTokens || Cost(cut) < 4+MaxQueryTokens || !strings.HasPrefix(text, cut) {
			t.Errorf("%.10q… is cut to %d bytes, which cost %g", text, len(cut), Cost(cut))
		}
	}
	if text := clean(strings.Repeat("Nobody sails before the storm has gone. ", 100)); upTo(text, MaxQueryTokens) != text {
		t.Error("a text of a language is cut")
	}
}

// An ended context ends the call, even if a processor is free.
func TestContextFirst(t *testing.T) {
	m := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if _, err := m.Query(ctx, "a lamp"); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want that the context ended", err)
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	m := open(b)
	for name, text := range map[string]string{
		"words=3":   "rain at night",
		"words=9":   "a man walks his dog on the beach",
		"words=180": strings.Repeat("a man walks his dog on the beach ", 20),
		"limit/ja":  strings.Repeat("夕暮れの浜辺で男が犬を", 200),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := m.Query(context.Background(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
