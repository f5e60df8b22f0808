package tokenizer

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxRunes is the number of characters that are read of a text.
const MaxRunes = 600

const (
	// clipMerges is the number of used merges of CLIP's list: the vocabulary without 512 bytes and two special tokens.
	clipMerges = 49152 - 256 - 2
	startText  = "<|startoftext|>"
	endText    = "<|endoftext|>"
	wordEnd    = "</w>"
)

// Clip is the tokenizer of CLIP: byte-level byte-pair encoding of small letters, after openai/CLIP's simple_tokenizer.py.
type Clip struct {
	pairs
	start, end int64
}

// OpenClip reads the list of merges that is published as bpe_simple_vocab_16e6.txt.gz.
func OpenClip(path string) (*Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a tokenizer: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "%s is not a list of merges: %w; run: cinedex models verify", path, err)
	}
	var merges [][2]string
	lines := bufio.NewScanner(io.LimitReader(z, 16<<20))
	lines.Scan() // the first line tells a version
	for len(merges) < clipMerges && lines.Scan() {
		a, b, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			return nil, errkind.New(errkind.Invalid, "%s has a line that is no merge: %q", path, lines.Text())
		}
		merges = append(merges, [2]string{a, b})
	}
	if err := lines.Err(); err != nil || len(merges) < clipMerges {
		return nil, errkind.New(errkind.Invalid, "%s has %d merges in place of %d: %w", path, len(merges), clipMerges, err)
	}
	var words []string
	for _, end := range []string{"", wordEnd} {
		for _, b := range byteOrder() {
			words = append(words, string(byteRunes[b])+end)
		}
	}
	for _, m := range merges {
		words = append(words, m[0]+m[1])
	}
	words = append(words, startText, endText)
	c := &Clip{pairs: pairs{ids: map[string]int64{}, ranks: map[[2]string]int{}, suffix: wordEnd}}
	for i, w := range words {
		c.ids[w] = int64(i)
	}
	for i, m := range merges {
		c.ranks[m] = i
	}
	c.start, c.end = c.ids[startText], c.ids[endText]
	return c, nil
}

// clipWords divides a text into words. CLIP's pattern is the same.
var clipWords = regexp.MustCompile(`(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`)

// Encode returns the tokens of a text, from the start to the end. A text of more than limit tokens is cut, and the end stays.
func (c *Clip) Encode(text string, limit int) []int64 {
	out := []int64{c.start}
	text = cases.Lower(language.Und).String(oneSpace(html.UnescapeString(html.UnescapeString(mended(upTo(text))))))
	for _, word := range clipWords.FindAllString(text, -1) {
		if word == startText || word == endText {
			out = append(out, c.ids[word])
		} else {
			out = append(out, c.encode(inBytes(word))...)
		}
		if len(out) >= limit {
			break
		}
	}
	return append(out[:min(len(out), limit-1)], c.end)
}

// upTo returns the beginning of a text, as valid UTF-8.
func upTo(text string) string {
	n := 0
	for i := range text {
		if n++; n > MaxRunes {
			text = text[:i]
			break
		}
	}
	return strings.ToValidUTF8(text, "\ufffd")
}

// oneSpace replaces each run of white space by one space, and leaves out white space at both ends.
func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

// mended does to a text the part of ftfy's fix_text that changes texts in the right encoding: plain quotes, letters in place of ligatures, characters
// of the usual width, no control characters, composed characters. ftfy also guesses at texts that were decoded wrongly; mended leaves such texts.
func mended(text string) string {
	if !strings.Contains(text, "<") {
		text = html.UnescapeString(text)
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\u02bc' || r >= '\u2018' && r <= '\u201b':
			b.WriteByte('\'')
		case r >= '\u201c' && r <= '\u201f':
			b.WriteByte('"')
		case r >= '\ufb00' && r <= '\ufb06', r >= '\uff01' && r <= '\uffef', r == '\u3000', ligatures[r]:
			b.WriteString(norm.NFKC.String(string(r)))
		case r == '\r' || r == '\u2028' || r == '\u2029' || r == '\u0085':
			b.WriteByte('\n')
		case r < ' ' && r != '\t' && r != '\n' && r != '\f', r == '\u007f', r >= '\u206a' && r <= '\u206f', r == '\ufeff', r >= '\ufff9' && r <= '\ufffc':
		default:
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// ligatures are letters of two letters each, for typesetting.
var ligatures = map[rune]bool{'Ĳ': true, 'ĳ': true, 'ŉ': true, 'Ǆ': true, 'ǅ': true, 'ǆ': true, 'Ǉ': true, 'ǈ': true, 'ǉ': true,
	'Ǌ': true, 'ǋ': true, 'ǌ': true, 'Ǳ': true, 'ǲ': true, 'ǳ': true}

// byteRunes has a printable character for every byte, as GPT-2 writes bytes.
var byteRunes = func() (runes [256]rune) {
	next := rune(256)
	for b := range 256 {
		if printable(b) {
			runes[b] = rune(b)
		} else {
			runes[b] = next
			next++
		}
	}
	return runes
}()

func printable(b int) bool { return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae }

// byteOrder returns the bytes in the order of the vocabulary: printable bytes first.
func byteOrder() (order []byte) {
	for _, want := range []bool{true, false} {
		for b := range 256 {
			if printable(b) == want {
				order = append(order, byte(b))
			}
		}
	}
	return order
}

// inBytes writes each byte of a word as a printable character.
func inBytes(word string) string {
	var b strings.Builder
	for i := range len(word) {
		b.WriteRune(byteRunes[word[i]])
	}
	return b.String()
}

// pairs is byte-pair encoding: the most frequent pairs of a training text, in the order in which the pairs were merged.
type pairs struct {
	ids    map[string]int64
	ranks  map[[2]string]int
	suffix string // of the last symbol of a word
	// unknown returns the tokens of a symbol that is not in the vocabulary; nil for none.
	unknown func(symbol string) []int64
}

// encode returns the tokens of a word.
func (p *pairs) encode(word string) []int64 {
	var symbols []string
	for _, r := range word {
		symbols = append(symbols, string(r))
	}
	if len(symbols) == 0 {
		return nil
	}
	symbols[len(symbols)-1] += p.suffix
	for len(symbols) > 1 {
		best, rank := [2]string{}, math.MaxInt
		for i := range len(symbols) - 1 {
			pair := [2]string{symbols[i], symbols[i+1]}
			if r, ok := p.ranks[pair]; ok && r < rank {
				best, rank = pair, r
			}
		}
		if rank == math.MaxInt {
			break
		}
		merged := symbols[:0]
		for i := 0; i < len(symbols); i++ {
			if i+1 < len(symbols) && symbols[i] == best[0] && symbols[i+1] == best[1] {
				merged = append(merged, best[0]+best[1])
				i++
			} else {
				merged = append(merged, symbols[i])
			}
		}
		symbols = merged
	}
	var out []int64
	for _, s := range symbols {
		if id, ok := p.ids[s]; ok {
			out = append(out, id)
		} else if p.unknown != nil {
			out = append(out, p.unknown(s)...)
		}
	}
	return out
}

// isPunctuation is BERT's notion: every ASCII character that is no letter, digit or space, and Unicode's punctuation.
func isPunctuation(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~' || unicode.IsPunct(r)
}
