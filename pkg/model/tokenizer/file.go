package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// maxFile bounds a tokenizer.json: the file of a vocabulary of 256,000 tokens has 34 MB.
const maxFile = 64 << 20

// A File is a tokenizer of a tokenizer.json.
type File struct {
	normalise    []func(string) string
	pieces       []func([]string) []string
	words        func(word string) []int64
	before, rear []int64 // the tokens that begin and end a text
}

// OpenFile reads a tokenizer.json.
func OpenFile(path string) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening a tokenizer: %w", err)
	}
	if info.Size() > maxFile {
		return nil, errkind.New(errkind.Invalid, "%s has %d bytes, more than %d", path, info.Size(), maxFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening a tokenizer: %w", err)
	}
	f, err := parse(raw)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading tokenizer %s: %w", path, err)
	}
	return f, nil
}

// Encode returns the tokens of a text, with the tokens that begin and end a text. A text of more than limit tokens is cut, and the tokens that begin
// and end a text stay.
func (f *File) Encode(text string, limit int) []int64 {
	text = upTo(text)
	for _, n := range f.normalise {
		text = n(text)
	}
	parts := []string{text}
	for _, p := range f.pieces {
		parts = p(parts)
	}
	out := slices.Clone(f.before)
	room := limit - len(f.rear)
	for _, p := range parts {
		if len(out) >= room {
			break
		}
		out = append(out, f.words(p)...)
	}
	return append(out[:max(0, min(len(out), room))], f.rear...)
}

// A step is a normalizer, pre-tokenizer or post-processor of the file.
type step struct {
	Type          string          `json:"type"`
	Normalizers   []step          `json:"normalizers"`
	Pretokenizers []step          `json:"pretokenizers"`
	Processors    []step          `json:"processors"`
	Lowercase     bool            `json:"lowercase"`
	StripAccents  *bool           `json:"strip_accents"`
	CleanText     bool            `json:"clean_text"`
	Chinese       bool            `json:"handle_chinese_chars"`
	Pattern       *pattern        `json:"pattern"`
	Content       string          `json:"content"`
	Prepend       string          `json:"prepend"`
	StripLeft     bool            `json:"strip_left"`
	StripRight    bool            `json:"strip_right"`
	Replacement   string          `json:"replacement"`
	PrependScheme string          `json:"prepend_scheme"`
	PrefixSpace   *bool           `json:"add_prefix_space"`
	Split         *bool           `json:"split"`
	Behavior      json.RawMessage `json:"behavior"`
	Invert        bool            `json:"invert"`
	UseRegex      *bool           `json:"use_regex"`
	Single        []struct {
		SpecialToken *struct{ ID string }
		Sequence     *struct{ ID string }
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int64 `json:"ids"`
	} `json:"special_tokens"`
	Sep []any `json:"sep"`
	Cls []any `json:"cls"`
}

type pattern struct {
	String *string
	Regex  *string
}

func (p *pattern) compile() (*regexp.Regexp, error) {
	switch {
	case p != nil && p.String != nil:
		return regexp.Compile(regexp.QuoteMeta(*p.String))
	case p != nil && p.Regex != nil:
		return regexp.Compile(withSpaces(*p.Regex))
	}
	return nil, fmt.Errorf("a pattern is missing")
}

// space is the white space of Unicode, within brackets. Go's \s is the white space of ASCII.
const space = `\s\p{Z}\x{1c}-\x{1f}\x{85}\v`

// withSpaces gives \s and \S of a pattern the white space of Unicode.
func withSpaces(pattern string) string {
	var b strings.Builder
	bracket := false
	for i := 0; i < len(pattern); i++ {
		pair := pattern[i:min(i+2, len(pattern))]
		switch {
		case pair == `\s` && bracket:
			b.WriteString(space)
		case pair == `\s`:
			b.WriteString("[" + space + "]")
		case pair == `\S` && !bracket:
			b.WriteString("[^" + space + "]")
		case pattern[i] == '\\':
			b.WriteString(pair)
		default:
			bracket = pattern[i] == '[' || bracket && pattern[i] != ']'
			b.WriteByte(pattern[i])
			continue
		}
		i++
	}
	return b.String()
}

type vocabulary struct {
	Type          string          `json:"type"`
	Vocab         json.RawMessage `json:"vocab"`
	Merges        json.RawMessage `json:"merges"`
	UnkToken      string          `json:"unk_token"`
	UnkID         *int            `json:"unk_id"`
	Prefix        string          `json:"continuing_subword_prefix"`
	Suffix        string          `json:"end_of_word_suffix"`
	MaxCharacters int             `json:"max_input_chars_per_word"`
	ByteFallback  bool            `json:"byte_fallback"`
}

func parse(raw []byte) (*File, error) {
	var file struct {
		Normalizer    *step      `json:"normalizer"`
		PreTokenizer  *step      `json:"pre_tokenizer"`
		PostProcessor *step      `json:"post_processor"`
		Model         vocabulary `json:"model"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, err
	}
	f := &File{}
	if err := f.addNormalizer(file.Normalizer); err != nil {
		return nil, err
	}
	if err := f.addPieces(file.PreTokenizer); err != nil {
		return nil, err
	}
	if err := f.addEnds(file.PostProcessor); err != nil {
		return nil, err
	}
	var err error
	switch file.Model.Type {
	case "WordPiece":
		f.words, err = wordPiece(file.Model)
	case "BPE":
		f.words, err = bytePairs(file.Model)
	case "Unigram":
		f.words, err = unigram(file.Model)
	default:
		err = fmt.Errorf("a model of type %q is not known; WordPiece, BPE and Unigram are", file.Model.Type)
	}
	return f, err
}

func (f *File) addNormalizer(s *step) error {
	if s == nil {
		return nil
	}
	add := func(n func(string) string) { f.normalise = append(f.normalise, n) }
	switch s.Type {
	case "Sequence":
		for i := range s.Normalizers {
			if err := f.addNormalizer(&s.Normalizers[i]); err != nil {
				return err
			}
		}
	case "NFC":
		add(norm.NFC.String)
	case "NFD":
		add(norm.NFD.String)
	case "NFKC":
		add(norm.NFKC.String)
	case "NFKD":
		add(norm.NFKD.String)
	case "Precompiled": // of SentencePiece: NFKC, and one space for each white space
		add(func(t string) string { return spaced(norm.NFKC.String(t)) })
	case "Lowercase":
		add(strings.ToLower)
	case "StripAccents":
		add(stripAccents)
	case "Strip":
		add(func(t string) string { return strip(t, s.StripLeft, s.StripRight) })
	case "Prepend":
		add(func(t string) string {
			if t == "" {
				return t
			}
			return s.Prepend + t
		})
	case "Replace":
		re, err := s.Pattern.compile()
		if err != nil {
			return err
		}
		add(func(t string) string { return re.ReplaceAllLiteralString(t, s.Content) })
	case "BertNormalizer":
		add(s.bert)
	default:
		return fmt.Errorf("a normalizer of type %q is not known", s.Type)
	}
	return nil
}

// bert is BERT's normalizer.
func (s *step) bert(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case s.CleanText && (r == 0 || r == unicode.ReplacementChar || isControl(r)):
		case s.CleanText && unicode.IsSpace(r):
			b.WriteByte(' ')
		case s.Chinese && isChinese(r):
			b.WriteString(" " + string(r) + " ")
		default:
			b.WriteRune(r)
		}
	}
	text = b.String()
	if s.StripAccents != nil && *s.StripAccents || s.StripAccents == nil && s.Lowercase {
		text = stripAccents(norm.NFD.String(text))
	}
	if s.Lowercase {
		text = strings.ToLower(text)
	}
	return text
}

func isControl(r rune) bool {
	return r != '\t' && r != '\n' && r != '\r' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

// isChinese reports whether a character is of the blocks that BERT takes as words of one character.
func isChinese(r rune) bool {
	for _, block := range [][2]rune{{0x4e00, 0x9fff}, {0x3400, 0x4dbf}, {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff}, {0x2f800, 0x2fa1f}} {
		if r >= block[0] && r <= block[1] {
			return true
		}
	}
	return false
}

func stripAccents(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, text)
}

func spaced(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text)
}

func strip(text string, left, right bool) string {
	if left {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
	}
	if right {
		text = strings.TrimRightFunc(text, unicode.IsSpace)
	}
	return text
}

// addEnds takes the tokens that begin and end a text.
func (f *File) addEnds(s *step) error {
	if s == nil {
		return nil
	}
	switch s.Type {
	case "Sequence":
		for i := range s.Processors {
			if err := f.addEnds(&s.Processors[i]); err != nil {
				return err
			}
		}
	case "ByteLevel": // changes offsets only
	case "TemplateProcessing":
		seen := false
		for _, item := range s.Single {
			switch {
			case item.Sequence != nil:
				seen = true
			case item.SpecialToken == nil:
			case seen:
				f.rear = append(f.rear, s.SpecialTokens[item.SpecialToken.ID].IDs...)
			default:
				f.before = append(f.before, s.SpecialTokens[item.SpecialToken.ID].IDs...)
			}
		}
	case "RobertaProcessing", "BertProcessing":
		for _, end := range []struct {
			token []any
			into  *[]int64
		}{{s.Cls, &f.before}, {s.Sep, &f.rear}} {
			if len(end.token) != 2 {
				return fmt.Errorf("a token of %s has no number", s.Type)
			}
			id, ok := end.token[1].(float64)
			if !ok || id < 0 || id > math.MaxInt32 {
				return fmt.Errorf("a token of %s has no number", s.Type)
			}
			*end.into = append(*end.into, int64(id))
		}
	default:
		return fmt.Errorf("a post-processor of type %q is not known", s.Type)
	}
	return nil
}
