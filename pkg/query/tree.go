package query

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func leaf(l *pb.Leaf) *pb.Query { return &pb.Query{Node: &pb.Query_Leaf{Leaf: l}} }

// Leaf makes a query of one leaf.
func Leaf(l *pb.Leaf) *pb.Query { return leaf(l) }

// And, Or, Not and Within make the inner nodes of a tree.
func And(qs ...*pb.Query) *pb.Query {
	return &pb.Query{Node: &pb.Query_And{And: &pb.And{Queries: qs}}}
}

// Or: see And.
func Or(qs ...*pb.Query) *pb.Query { return &pb.Query{Node: &pb.Query_Or{Or: &pb.Or{Queries: qs}}} }

// Not: see And.
func Not(q *pb.Query) *pb.Query { return &pb.Query{Node: &pb.Query_Not{Not: &pb.Not{Query: q}}} }

// Within spans moments of both sides at most gap flicks apart.
func Within(left, right *pb.Query, gap int64) *pb.Query {
	return &pb.Query{Node: &pb.Query_Within{Within: &pb.Within{Left: left, Right: right, Gap: gap}}}
}

// Leaves returns the leaves of a query in the order in which they are printed.
func Leaves(q *pb.Query) []*pb.Leaf {
	var out []*pb.Leaf
	Walk(q, func(l *pb.Leaf) { out = append(out, l) })
	return out
}

// Walk calls f for each leaf.
func Walk(q *pb.Query, f func(*pb.Leaf)) {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		f(n.Leaf)
	case *pb.Query_And:
		for _, c := range n.And.GetQueries() {
			Walk(c, f)
		}
	case *pb.Query_Or:
		for _, c := range n.Or.GetQueries() {
			Walk(c, f)
		}
	case *pb.Query_Not:
		Walk(n.Not.GetQuery(), f)
	case *pb.Query_Within:
		Walk(n.Within.GetLeft(), f)
		Walk(n.Within.GetRight(), f)
	}
}

// Validate checks a tree that came from outside: its shape, its size and each leaf.
// Whether something answers a leaf is for the gateway to say.
func (l Language) Validate(q *pb.Query) error {
	return (&extent{lang: l}).validate(q, "query", 0, false)
}

// ValidateFilter checks the size of a filter that came from outside.
func ValidateFilter(f *pb.Filter) error {
	values := 0
	for _, list := range []struct {
		name string
		of   []string
	}{{"titles", f.GetTitles()}, {"series", f.GetSeries()}, {"assets", f.GetAssets()}, {"languages", f.GetLanguages()}, {"characters", f.GetCharacters()}, {"kinds", f.GetKinds()}} {
		if values += len(list.of); values > MaxFiltered {
			return errkind.New(errkind.Invalid, "filter: more than the %d values allowed in all its lists", MaxFiltered)
		}
		for i, v := range list.of {
			if len(v) > MaxName {
				return errkind.New(errkind.Invalid, "filter.%s[%d]: %d bytes are more than the %d allowed", list.name, i, len(v), MaxName)
			}
		}
	}
	return nil
}

// extent is how much of a query has been seen; its methods end at the first thing over a limit.
type extent struct {
	lang                   Language
	leaves, text, pictures int
}

// validate: negatable says that the node stands in an And, where a Not has something to take away from.
func (e *extent) validate(q *pb.Query, at string, depth int, negatable bool) error {
	if depth > MaxDepth+1 {
		return errkind.New(errkind.Invalid, "%s: nested more than %d deep", at, MaxDepth)
	}
	list := func(qs []*pb.Query, name string, and bool) error {
		if len(qs) < 2 {
			return errkind.New(errkind.Invalid, "%s.%s: needs at least two queries", at, name)
		}
		positive := false
		for _, c := range qs {
			if _, not := c.GetNode().(*pb.Query_Not); !not {
				positive = true
			}
			if err := e.validate(c, at+"."+name, depth+1, and); err != nil {
				return err
			}
		}
		if !positive {
			return errkind.New(errkind.Invalid, "%s.%s: only NOTs; add a term without NOT", at, name)
		}
		return nil
	}
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return e.leaf(n.Leaf, at+".leaf")
	case *pb.Query_And:
		return list(n.And.GetQueries(), "and", true)
	case *pb.Query_Or:
		return list(n.Or.GetQueries(), "or", false)
	case *pb.Query_Not:
		if !negatable {
			return errkind.New(errkind.Invalid, "%s.not: stands alone; write TERM AND NOT TERM", at)
		}
		if _, twice := n.Not.GetQuery().GetNode().(*pb.Query_Not); twice {
			return errkind.New(errkind.Invalid, "%s.not: NOT NOT", at)
		}
		return e.validate(n.Not.GetQuery(), at+".not", depth+1, false)
	case *pb.Query_Within:
		if g := n.Within.GetGap(); g < 0 || g > int64(MaxGap.Seconds())*flicksPerSecond {
			return errkind.New(errkind.Invalid, "%s.within.gap: must be from 0 to %s", at, MaxGap)
		}
		if err := e.validate(n.Within.GetLeft(), at+".within.left", depth+1, false); err != nil {
			return err
		}
		return e.validate(n.Within.GetRight(), at+".within.right", depth+1, false)
	}
	return errkind.New(errkind.Invalid, "%s: an empty node", at)
}

// leaf counts a leaf and checks it.
func (e *extent) leaf(l *pb.Leaf, at string) error {
	e.leaves++
	e.text += len(l.GetText())
	e.pictures += len(l.GetImage())
	switch {
	case e.leaves > MaxLeaves:
		return errkind.New(errkind.Invalid, "query: %d things are asked for at once, more than the %d allowed", e.leaves, MaxLeaves)
	case e.text > MaxLength:
		return errkind.New(errkind.Invalid, "query: all texts together have more than the %d bytes allowed", MaxLength)
	case len(l.GetImage()) > MaxImageBytes:
		return errkind.New(errkind.Invalid, "%s.image: the picture has %d bytes, more than the %d allowed; make the picture smaller", at, len(l.GetImage()), MaxImageBytes)
	case e.pictures > MaxImagesBytes:
		return errkind.New(errkind.Invalid, "%s.image: all pictures together have more than the %d bytes allowed; make the pictures smaller", at, MaxImagesBytes)
	case len(l.GetAsset()) > MaxName || len(l.GetTimecode()) > MaxName:
		return errkind.New(errkind.Invalid, "%s: asset and timecode may have %d bytes each", at, MaxName)
	}
	if err := e.attributes(l.GetAttributes(), at); err != nil {
		return err
	}
	return e.lang.checkLeaf(l, at)
}

func (e *extent) attributes(of map[string]*pb.Value, at string) error {
	if len(of) > MaxAttributes {
		return errkind.New(errkind.Invalid, "%s.attributes: %d are more than the %d allowed", at, len(of), MaxAttributes)
	}
	for name, v := range of {
		texts := v.GetTexts().GetValues()
		e.text += len(name) + len(v.GetText())
		e.pictures += len(v.GetData())
		for _, t := range texts {
			e.text += len(t)
		}
		switch {
		case len(texts) > MaxListed:
			return errkind.New(errkind.Invalid, "%s.attributes: a list of %d texts is longer than the %d allowed", at, len(texts), MaxListed)
		case e.text > MaxLength:
			return errkind.New(errkind.Invalid, "query: all texts together have more than the %d bytes allowed", MaxLength)
		case e.pictures > MaxImagesBytes:
			return errkind.New(errkind.Invalid, "query: all data together has more than the %d bytes allowed", MaxImagesBytes)
		}
	}
	return nil
}

func (l Language) checkLeaf(leaf *pb.Leaf, at string) error {
	switch {
	case !kindName(leaf.GetKind()):
		return errkind.New(errkind.Invalid, "%s.kind: %.70q is no name of a kind: small letters, digits and _", at, leaf.GetKind())
	case len(leaf.GetText()) > MaxText:
		return errkind.New(errkind.Invalid, "%s.text: %d bytes are more than the %d allowed", at, len(leaf.GetText()), MaxText)
	case words(leaf.GetText()) > MaxWords:
		return errkind.New(errkind.Invalid, "%s.text: %d words are more than the %d allowed", at, words(leaf.GetText()), MaxWords)
	case !cleanText(leaf.GetText()):
		return errkind.New(errkind.Invalid, "%s.text: not UTF-8, or with control characters", at)
	case !(leaf.GetWeight() >= 0) || math.IsInf(float64(leaf.GetWeight()), 0):
		return errkind.New(errkind.Invalid, "%s.weight: must be 0 or more", at)
	}
	shape := l.shape(leaf.GetKind())
	placed := placed(shape)
	switch {
	case placed && leaf.GetAsset() == "":
		return errkind.New(errkind.Invalid, "%s.asset: %s needs an asset", at, leaf.GetKind())
	case placed && leaf.GetTime() < 0:
		return errkind.New(errkind.Invalid, "%s.time: must be 0 or more", at)
	case shape == pb.LeafShape_LEAF_SHAPE_PICTURE && len(leaf.GetImage()) == 0:
		return errkind.New(errkind.Invalid, "%s.image: %s needs a picture", at, leaf.GetKind())
	case !placed && len(leaf.GetImage()) == 0 && !hasLetter(leaf.GetText()):
		return errkind.New(errkind.Invalid, "%s.text: nothing to look for", at)
	}
	return nil
}

func cleanText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

// words counts what stands between spaces.
func words(s string) (n int) {
	for range strings.FieldsSeq(s) {
		n++
	}
	return n
}

func hasLetter(s string) bool {
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r) {
			return true
		}
	}
	return false
}
