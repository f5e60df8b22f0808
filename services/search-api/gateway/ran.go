package gateway

import (
	"crypto/sha256"
	"fmt"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// An asking is how a part asks the words of its leaf.
type asking struct {
	text       string // the words asked
	way        string // the source's own way, or one of the ways below
	language   string // in which the words were read; "" for every language
	translator string // who made text of the leaf's words; "" where nobody did
}

// The ways in which a part asks words that nothing says.
const (
	waySpelling = "spelling"
	wayPrefix   = "prefix"
	wayFuzzy    = "fuzzy"
)

// words is the question of a part of words, in the part's mode.
func (pt *part) words(p *processed) search.TextQuery {
	q := search.TextQuery{Scope: p.scope.Scope, Filter: pt.filter, Field: fields[pt.GetField()], Mode: pt.mode, Slop: int(pt.leaf.GetSlop()), Words: pt.text}
	if pt.language != "" && pt.translator == "" {
		q.Languages = []string{pt.language, undetermined}
	}
	return q
}

// undetermined is the language of texts whose language nobody knows. Words read in one language are looked for in these texts, too.
const undetermined = "und"

// allWords is the question for the set of a part of words: all of the words where the leaf has no mode.
func (pt *part) allWords(p *processed) search.TextQuery {
	q := pt.words(p)
	if q.Mode == search.AnyWord {
		q.Mode = search.AllWords
	}
	return q
}

// ranOf tells what was asked for each leaf. Parts that asked the same in the same way are told once.
func ranOf(parts []*part) (out []*pb.Ran) {
	type row struct {
		leaf *pb.Leaf
		asking
	}
	seen := map[row]bool{}
	for _, pt := range parts {
		r := row{pt.leaf, pt.asking}
		if seen[r] {
			continue
		}
		seen[r] = true
		out = append(out, &pb.Ran{Leaf: pt.leaf.GetKind(), Text: pt.leaf.GetText(), Way: pt.way, Language: pt.language, Asked: pt.text, Translator: pt.translator})
	}
	return out
}

// askedBytes is the length of askedSum.
const askedBytes = 4

// askedSum is a sum of what the parts asked, which the cursor of an answer holds: the pages of an answer ask the same.
func askedSum(parts []*part) []byte {
	var b []byte
	for _, pt := range parts {
		b = fmt.Appendf(b, "%q %q %q %q %d\n", pt.text, pt.way, pt.language, pt.translator, pt.mode)
	}
	sum := sha256.Sum256(b)
	return sum[:askedBytes]
}
