package whisper

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The special tokens of the multilingual models.
const (
	tokenEnd          = 50257
	tokenStart        = 50258
	tokenTranscribe   = 50359
	tokenNoSpeech     = 50362
	tokenNoTimestamps = 50363
	firstLanguage     = 50259
	languages         = 99
	vocabulary        = 51865
	tokenSpace        = 220
)

// notSpeech are tokens that are never written: signs of transcripts that are not speech, such as brackets and notes.
var notSpeech = []int{1, 2, 7, 8, 9, 10, 14, 25, 26, 27, 28, 29, 31, 58, 59, 60, 61, 62, 63, 90, 91, 92, 93, 359, 503, 522, 542, 873, 893, 902, 918, 922, 931,
	1350, 1853, 1982, 2460, 2627, 3246, 3253, 3268, 3536, 3846, 3961, 4183, 4667, 6585, 6647, 7273, 9061, 9383, 10428, 10929, 11938, 12033, 12331, 12562,
	13793, 14157, 14635, 15265, 15618, 16553, 16604, 18362, 18956, 20075, 21675, 22520, 26130, 26161, 26435, 28279, 29464, 31650, 32302, 32470, 36865,
	42863, 47425, 49870, 50254}

// A vocabulary of bytes: the text of each token.
type texts struct {
	bytes     [tokenEnd][]byte
	languages [languages]string
}

// readTexts reads the vocabulary of a tokenizer.json of Hugging Face.
func readTexts(path string) (*texts, error) {
	b, err := os.ReadFile(path) //nolint:gosec // a file of the cache
	if err != nil {
		return nil, fmt.Errorf("reading whisper's vocabulary: %w", err)
	}
	var file struct {
		Model struct {
			Vocab map[string]int `json:"vocab"`
		} `json:"model"`
		Added []struct {
			ID      int    `json:"id"`
			Content string `json:"content"`
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, errkind.New(errkind.Invalid, "reading whisper's vocabulary %s: %w", path, err)
	}
	t, toByte := &texts{}, byteOf()
	for s, id := range file.Model.Vocab {
		if id < 0 || id >= tokenEnd {
			continue
		}
		for _, r := range s {
			t.bytes[id] = append(t.bytes[id], toByte[r])
		}
	}
	for _, a := range file.Added {
		if n := a.ID - firstLanguage; n >= 0 && n < languages {
			t.languages[n] = strings.Trim(a.Content, "<|>")
		}
	}
	if t.bytes[tokenEnd-2] == nil || t.languages[languages-1] == "" {
		return nil, errkind.New(errkind.Invalid, "%s is not whisper's vocabulary; run: cinedex models verify", path)
	}
	return t, nil
}

// byteOf maps the letters of GPT-2's byte-level vocabularies to bytes: printable bytes are themselves, and the others follow from 256 on.
func byteOf() map[rune]byte {
	out, next := make(map[rune]byte, 256), rune(256)
	for b := range 256 {
		if b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174 {
			out[rune(b)] = byte(b)
			continue
		}
		out[next] = byte(b)
		next++
	}
	return out
}

// A span is the tokens [from, to) of a word, and the text of the word.
type span struct {
	from, to int
	text     string
}

// words groups tokens by words. Scripts without spaces give a word for each character.
func (t *texts) words(tokens []int, spaced bool) []span {
	var out []span
	var pending []byte
	from := 0
	for i, id := range tokens {
		pending = append(pending, t.bytes[id]...)
		if !utf8.Valid(pending) && i+1 < len(tokens) {
			continue // the rest of the character follows
		}
		piece := strings.ToValidUTF8(string(pending), "\uFFFD")
		begins := len(out) == 0 || strings.HasPrefix(piece, " ") || !spaced && !punctuation(piece)
		if begins {
			out = append(out, span{from, i + 1, piece})
		} else {
			last := &out[len(out)-1]
			last.to, last.text = i+1, last.text+piece
		}
		pending, from = pending[:0], i+1
	}
	return out
}

// punctuation reports whether a text has nothing but signs that end or follow a word.
func punctuation(s string) bool {
	return strings.Trim(s, " \"'.。,，!！?？:：;”)]}、…-") == ""
}
