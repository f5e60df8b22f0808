package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// wordPiece is BERT's model: the longest known beginning of a word, and then the longest known continuations.
func wordPiece(v vocabulary) (func(string) []int64, error) {
	var ids map[string]int64
	if err := json.Unmarshal(v.Vocab, &ids); err != nil {
		return nil, err
	}
	unknown, ok := ids[v.UnkToken]
	if !ok {
		return nil, fmt.Errorf("the vocabulary has no token %q", v.UnkToken)
	}
	longest := v.MaxCharacters
	if longest == 0 {
		longest = 100
	}
	return func(word string) (out []int64) {
		if utf8.RuneCountInString(word) > longest {
			return []int64{unknown}
		}
		prefix := ""
		for word != "" {
			end := len(word)
			for ; end > 0; end-- {
				if id, ok := ids[prefix+word[:end]]; ok && (end == len(word) || utf8.RuneStart(word[end])) {
					out = append(out, id)
					break
				}
			}
			if end == 0 {
				return []int64{unknown}
			}
			word, prefix = word[end:], v.Prefix
		}
		return out
	}, nil
}

// bytePairs is byte-pair encoding.
func bytePairs(v vocabulary) (func(string) []int64, error) {
	p := &pairs{ids: map[string]int64{}, ranks: map[[2]string]int{}, suffix: v.Suffix}
	if err := json.Unmarshal(v.Vocab, &p.ids); err != nil {
		return nil, err
	}
	if v.Prefix != "" {
		return nil, fmt.Errorf("byte pairs with the prefix %q are not known", v.Prefix)
	}
	var merges [][2]string
	if err := json.Unmarshal(v.Merges, &merges); err != nil {
		var lines []string // the older form
		if err := json.Unmarshal(v.Merges, &lines); err != nil {
			return nil, err
		}
		for _, line := range lines {
			a, b, ok := strings.Cut(line, " ")
			if !ok {
				return nil, fmt.Errorf("%q is no merge", line)
			}
			merges = append(merges, [2]string{a, b})
		}
	}
	for i, m := range merges {
		p.ranks[m] = i
	}
	p.unknown = fallback(p.ids, v.ByteFallback, p.ids[v.UnkToken], v.UnkToken != "")
	return p.encode, nil
}

// fallback returns the tokens of a symbol that the vocabulary lacks: the symbol's bytes, or the unknown token.
func fallback(ids map[string]int64, inBytes bool, unknown int64, known bool) func(string) []int64 {
	return func(symbol string) []int64 {
		var out []int64
		for i := range len(symbol) {
			id, ok := ids[fmt.Sprintf("<0x%02X>", symbol[i])]
			if !inBytes || !ok {
				out = nil
				break
			}
			out = append(out, id)
		}
		if out == nil && known {
			out = []int64{unknown}
		}
		return out
	}
}

// unknownPenalty is added to the lowest score of a vocabulary for a character that the vocabulary lacks, as SentencePiece does.
const unknownPenalty = 10

// unigram is SentencePiece's unigram model: the division of a word with the greatest sum of scores (Kudo 2018).
func unigram(v vocabulary) (func(string) []int64, error) {
	var rows [][2]json.RawMessage
	if err := json.Unmarshal(v.Vocab, &rows); err != nil {
		return nil, err
	}
	if v.UnkID == nil || *v.UnkID < 0 || *v.UnkID >= len(rows) {
		return nil, fmt.Errorf("the vocabulary has no unknown token")
	}
	ids, scores := map[string]int64{}, make([]float64, len(rows))
	longest, lowest := 1, math.Inf(1)
	for i, row := range rows {
		var token string
		if err := json.Unmarshal(row[0], &token); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(row[1], &scores[i]); err != nil {
			return nil, err
		}
		if _, twice := ids[token]; !twice {
			ids[token] = int64(i)
		}
		longest, lowest = max(longest, len(token)), min(lowest, scores[i])
	}
	unknown := fallback(ids, v.ByteFallback, int64(*v.UnkID), true)
	return func(word string) []int64 {
		return best(word, ids, scores, longest, lowest-unknownPenalty, unknown)
	}, nil
}

// best is Viterbi's algorithm. Neighbouring unknown characters become one unknown token.
func best(word string, ids map[string]int64, scores []float64, longest int, penalty float64, unknown func(string) []int64) []int64 {
	type place struct {
		score float64
		from  int
		known bool
	}
	places := make([]place, len(word)+1)
	for i := range places[1:] {
		places[i+1].score = math.Inf(-1)
	}
	for i := range word {
		_, size := utf8.DecodeRuneInString(word[i:])
		single := false
		for end := i + 1; end <= min(len(word), i+longest); end++ {
			id, ok := ids[word[i:end]]
			if !ok {
				continue
			}
			single = single || end == i+size
			if s := places[i].score + scores[id]; s > places[end].score {
				places[end] = place{s, i, true}
			}
		}
		if s := places[i].score + penalty; !single && s > places[i+size].score {
			places[i+size] = place{s, i, false}
		}
	}
	var parts []string
	var known []bool
	for at := len(word); at > 0; at = places[at].from {
		p := places[at]
		if n := len(parts) - 1; n >= 0 && !p.known && !known[n] {
			parts[n] = word[p.from:at] + parts[n]
			continue
		}
		parts, known = append(parts, word[p.from:at]), append(known, p.known)
	}
	var out []int64
	for i := len(parts) - 1; i >= 0; i-- {
		if known[i] {
			out = append(out, ids[parts[i]])
		} else {
			out = append(out, unknown(parts[i])...)
		}
	}
	return out
}
