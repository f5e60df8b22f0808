package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// required returns a file of the cache, or skips the test.
func required(t *testing.T, id string) string {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Require(id)
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking a model: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

// The tokens of texts in many scripts equal the tokens of Hugging Face's tokenizers; see ../testdata/tokenizers.py.
func TestFileGolden(t *testing.T) {
	var golden struct {
		Texts  []string
		Tokens map[string][][]int64
	}
	readJSON(t, filepath.Join("testdata", "golden.json"), &golden)
	for name, want := range golden.Tokens {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".json")
			if name == "minilm" {
				path = required(t, "minilm-tokenizer")
			}
			f, err := OpenFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range golden.Texts {
				if got := f.Encode(text, 1000); !slices.Equal(got, want[i]) {
					t.Errorf("%q: %v, want %v", text, got, want[i])
				}
			}
			long := f.Encode(strings.Repeat("the cat ", 60), 16)
			if end := want[2][len(want[2])-1]; len(long) != 16 || long[15] != end {
				t.Errorf("a long text: %v", long)
			}
		})
	}
}

// The tokens equal the tokens of CLIP's own tokenizer; see ../testdata/clip.py.
func TestClipGolden(t *testing.T) {
	c, err := OpenClip(required(t, "clip-vocabulary"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Texts []struct {
			Text   string
			Tokens []int64
		}
	}
	readJSON(t, filepath.Join("..", "clip", "testdata", "golden.json"), &golden)
	if len(golden.Texts) < 50 {
		t.Fatalf("%d texts", len(golden.Texts))
	}
	for _, x := range golden.Texts {
		if got := c.Encode(x.Text, 77); !slices.Equal(got, x.Tokens) {
			t.Errorf("%q:\n%v, want\n%v", x.Text, got, x.Tokens)
		}
	}
}

// A text of any kind has tokens, within the limit, and takes no long time.
func TestAnyText(t *testing.T) {
	c, err := OpenClip(required(t, "clip-vocabulary"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]interface{ Encode(string, int) []int64 }{"clip": c}
	for _, name := range []string{"gemma", "unigram", "byte_level"} {
		f, err := OpenFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = f
	}
	for name, e := range all {
		for _, text := range []string{"", " \t\n", "\xff\xfe\x00", strings.Repeat("x", 1<<20), strings.Repeat("▁ ", 1<<16), strings.Repeat("\u0301", 1<<16), strings.Repeat("<|endoftext|>", 100)} {
			if got := e.Encode(text, 32); len(got) > 32 {
				t.Errorf("%s: %.20q has %d tokens", name, text, len(got))
			}
		}
	}
}

func TestUnknownParts(t *testing.T) {
	for says, file := range map[string]string{
		`model of type "CharBPE"`:       `{"model":{"type":"CharBPE"}}`,
		`normalizer of type "Odd"`:      `{"normalizer":{"type":"Odd"},"model":{"type":"BPE"}}`,
		`pre-tokenizer of type "Odd"`:   `{"pre_tokenizer":{"type":"Odd"},"model":{"type":"BPE"}}`,
		`post-processor of type "Odd"`:  `{"post_processor":{"type":"Odd"},"model":{"type":"BPE"}}`,
		"no unknown token":              `{"model":{"type":"Unigram","vocab":[["a",-1.0]],"unk_id":7}}`,
		"is no merge":                   `{"model":{"type":"BPE","vocab":{"a":0},"merges":["ab"]}}`,
		"no token \"[UNK]\"":            `{"model":{"type":"WordPiece","vocab":{"a":0},"unk_token":"[UNK]"}}`,
		"unexpected end of JSON input":  `{"model":`,
		"a pattern is missing":          `{"normalizer":{"type":"Replace","content":"x"},"model":{"type":"BPE"}}`,
		"missing closing ]":             `{"normalizer":{"type":"Replace","pattern":{"Regex":"[a"},"content":"x"},"model":{"type":"BPE"}}`,
		"a token of RobertaProcessing":  `{"post_processor":{"type":"RobertaProcessing","sep":["a"],"cls":["b",-1]},"model":{"type":"BPE"}}`,
		"a split with the behavior \"C": `{"pre_tokenizer":{"type":"Split","pattern":{"String":" "},"behavior":"Contiguous"},"model":{"type":"BPE"}}`,
	} {
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenFile(path); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
