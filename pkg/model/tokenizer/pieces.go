package tokenizer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// addPieces adds a pre-tokenizer: a division of a text into the words that the model encodes.
func (f *File) addPieces(s *step) error {
	if s == nil {
		return nil
	}
	each := func(split func(string) []string) {
		f.pieces = append(f.pieces, func(parts []string) (out []string) {
			for _, p := range parts {
				for _, q := range split(p) {
					if q != "" {
						out = append(out, q)
					}
				}
			}
			return out
		})
	}
	switch s.Type {
	case "Sequence":
		for i := range s.Pretokenizers {
			if err := f.addPieces(&s.Pretokenizers[i]); err != nil {
				return err
			}
		}
	case "BertPreTokenizer":
		each(func(t string) []string { return splitWords(t, true) })
	case "WhitespaceSplit":
		each(strings.Fields)
	case "Whitespace":
		each(func(t string) []string { return wordsAndSigns.FindAllString(t, -1) })
	case "Metaspace":
		mark := s.Replacement
		if mark == "" {
			mark = "▁"
		}
		prepend := s.PrependScheme != "never" && (s.PrependScheme != "" || s.PrefixSpace == nil || *s.PrefixSpace)
		each(func(t string) []string { return metaspace(t, mark, prepend, s.Split == nil || *s.Split) })
	case "Split":
		return f.addSplit(s, each)
	case "ByteLevel":
		each(func(t string) []string {
			if s.PrefixSpace != nil && *s.PrefixSpace && !strings.HasPrefix(t, " ") {
				t = " " + t
			}
			parts := []string{t}
			if s.UseRegex == nil || *s.UseRegex {
				parts = splitBytes(t)
			}
			for i := range parts {
				parts[i] = inBytes(parts[i])
			}
			return parts
		})
	default:
		return fmt.Errorf("a pre-tokenizer of type %q is not known", s.Type)
	}
	return nil
}

var wordsAndSigns = regexp.MustCompile(withSpaces(`[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]+`))

func (f *File) addSplit(s *step, each func(func(string) []string)) error {
	re, err := s.Pattern.compile()
	if err != nil {
		return err
	}
	behavior := strings.Trim(string(s.Behavior), `"`)
	if behavior != "Removed" && behavior != "Isolated" && behavior != "MergedWithPrevious" {
		return fmt.Errorf("a split with the behavior %s is not known", s.Behavior)
	}
	if behavior == "MergedWithPrevious" && s.Invert {
		return fmt.Errorf("an inverted split with the behavior %s is not known", behavior)
	}
	each(func(t string) (out []string) {
		at := 0
		for _, m := range re.FindAllStringIndex(t, -1) {
			gap, match := t[at:m[0]], t[m[0]:m[1]]
			at = m[1]
			switch {
			case behavior == "Isolated":
				out = append(out, gap, match)
			case behavior == "MergedWithPrevious":
				out = append(out, gap+match)
			case s.Invert:
				out = append(out, match)
			default:
				out = append(out, gap)
			}
		}
		if behavior == "Removed" && s.Invert {
			return out
		}
		return append(out, t[at:])
	})
	return nil
}

// splitWords divides a text at white space, and around each punctuation character.
func splitWords(text string, signs bool) (out []string) {
	for _, field := range strings.Fields(text) {
		start := 0
		for i, r := range field {
			if signs && isPunctuation(r) {
				out = append(out, field[start:i], string(r))
				start = i + utf8.RuneLen(r)
			}
		}
		out = append(out, field[start:])
	}
	return out
}

// metaspace writes a mark for each space, and divides the text before each mark.
func metaspace(text, mark string, prepend, split bool) []string {
	if text == "" {
		return nil
	}
	text = strings.ReplaceAll(text, " ", mark)
	if prepend && !strings.HasPrefix(text, mark) {
		text = mark + text
	}
	if !split {
		return []string{text}
	}
	var out []string
	start := 0
	for i := range text {
		if i > start && strings.HasPrefix(text[i:], mark) {
			out = append(out, text[start:i])
			start = i
		}
	}
	return append(out, text[start:])
}

var byteWords = regexp.MustCompile(withSpaces(`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+`))

// splitBytes divides a text by GPT-2's pattern: a run of white space leaves its last space to the word that follows.
func splitBytes(text string) (out []string) {
	for text != "" {
		m := byteWords.FindStringIndex(text)
		if m == nil {
			return append(out, text)
		}
		end := m[1]
		word := text[:end]
		if strings.TrimFunc(word, unicode.IsSpace) == "" && end < len(text) {
			if _, size := utf8.DecodeLastRuneInString(word); size < len(word) {
				end -= size
			}
		}
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}
