package query

import (
	"maps"
	"slices"
	"strings"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An infix is a relation as people write it between two terms.
type infix struct {
	words string // in capitals
	gap   bool   // WITHIN and a time follow the right term
}

// between are the relations between two terms.
var between = map[pb.Relation]infix{
	pb.Relation_RELATION_OVERLAPS:     {"OVERLAPS", false},
	pb.Relation_RELATION_DURING:       {"DURING", false},
	pb.Relation_RELATION_STARTS_NEAR:  {"STARTS NEAR", true},
	pb.Relation_RELATION_ENDS_NEAR:    {"ENDS NEAR", true},
	pb.Relation_RELATION_LEFT_OF:      {"LEFT OF", false},
	pb.Relation_RELATION_RIGHT_OF:     {"RIGHT OF", false},
	pb.Relation_RELATION_ABOVE:        {"ABOVE", false},
	pb.Relation_RELATION_BELOW:        {"BELOW", false},
	pb.Relation_RELATION_INSIDE:       {"INSIDE", false},
	pb.Relation_RELATION_LARGER_THAN:  {"LARGER THAN", false},
	pb.Relation_RELATION_SMALLER_THAN: {"SMALLER THAN", false},
}

// A regionTest is a test of a region as people write it in brackets.
type regionTest struct {
	words  string // in small letters
	region bool   // the test takes four numbers, and otherwise one number
}

// ofRegion are the tests of a region.
var ofRegion = map[pb.Relation]regionTest{
	pb.Relation_RELATION_OVERLAPS:     {"overlaps", true},
	pb.Relation_RELATION_INSIDE:       {"inside", true},
	pb.Relation_RELATION_LEFT_OF:      {"left of", false},
	pb.Relation_RELATION_RIGHT_OF:     {"right of", false},
	pb.Relation_RELATION_ABOVE:        {"above", false},
	pb.Relation_RELATION_BELOW:        {"below", false},
	pb.Relation_RELATION_LARGER_THAN:  {"larger than", false},
	pb.Relation_RELATION_SMALLER_THAN: {"smaller than", false},
}

func regionTests() []string {
	var out []string
	for _, t := range ofRegion {
		out = append(out, t.words)
	}
	slices.Sort(out)
	return out
}

// Operators of one word, and the first words of operators of several words with the words that follow.
var (
	opAnd, opOr, opNot   = []string{"AND"}, []string{"OR"}, []string{"NOT"}
	opWithin, opThen     = []string{"WITHIN"}, []string{"THEN"}
	opNearCut, opAtLeast = []string{"NEAR", "CUT"}, []string{"AT", "LEAST"}
)

// operators returns the words of each operator of the language.
func operators() [][]string {
	out := [][]string{opAnd, opOr, opNot, opWithin, opThen, opNearCut, opAtLeast}
	for _, r := range slices.Sorted(maps.Keys(between)) {
		out = append(out, strings.Fields(between[r].words))
	}
	return out
}

// Operators returns the operators of the language as people write them.
func Operators() []string {
	var out []string
	for _, words := range operators() {
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// RelationName returns how people write a relation: "STARTS NEAR".
func RelationName(r pb.Relation) string { return between[r].words }

// at reports whether the words of an operator stand here.
func (p *parser) at(words []string) bool {
	for i, w := range words {
		if !p.ahead(i).op(w) {
			return false
		}
	}
	return true
}

// skip goes behind the words of an operator.
func (p *parser) skip(words []string) {
	for range words {
		p.next()
	}
}

// operator reports whether an operator stands here.
func (p *parser) operator() bool { return slices.ContainsFunc(allOperators, p.at) }

// relation returns the relation at the current token.
func (p *parser) relation() (pb.Relation, bool) {
	for r, words := range relationWords {
		if p.at(words) {
			return r, true
		}
	}
	return 0, false
}

var (
	allOperators  = operators()
	relationWords = func() map[pb.Relation][]string {
		out := map[pb.Relation][]string{}
		for r, in := range between {
			out[r] = strings.Fields(in.words)
		}
		return out
	}()
)

// nearest returns the most similar name of the list for a name outside the list; "" where no name is near.
// Up to a third of the letters, and two at most, may be wrong, missing, too many or swapped.
func nearest(name string, list []string) string {
	best, least := "", min(2, (len(name)+1)/3)
	for _, candidate := range list {
		if d := distance(name, candidate); d <= least && (best == "" || d < distance(name, best)) {
			best = candidate
		}
	}
	return best
}

// distance is the optimal string alignment distance of two short names, in bytes.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

// Meant returns the end of an error: "; did you mean X?" where a name of the list is near, and otherwise nothing.
func Meant(name string, list []string) string { return meant(name, list) }

func meant(name string, list []string) string {
	if n := nearest(name, list); n != "" {
		return "; did you mean " + n + "?"
	}
	return ""
}
