package query

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Limits of a query. Parse, Validate and ValidateFilter refuse a query beyond a limit.
const (
	MaxLength      = 16 << 10 // bytes of the one-line form, and of all texts of a tree; pictures aside
	MaxTokens      = 4096     // words and signs of the one-line form
	MaxDepth       = 16
	MaxLeaves      = 32
	MaxText        = 2 << 10 // bytes of one leaf's words
	MaxWords       = 256     // of one leaf
	MaxName        = 256     // bytes of an identity, a timecode, a value of a filter
	MaxAttributes  = 16      // of one leaf: values, ranges and tests of regions together
	MaxListed      = 64      // texts of one attribute, languages of one leaf
	MaxExamples    = 16      // of one leaf
	MaxWeight      = 1000    // of an example
	MaxSlop        = 64      // words between the words of a phrase
	MaxFiltered    = 1000    // values of a filter, all its lists together
	MaxImageBytes  = 8 << 20 // of one picture, decoded from base64
	MaxImagesBytes = 8 << 20 // of all pictures of a query
	MaxGap         = time.Hour
)

const maxGap = int64(MaxGap/time.Second) * flicksPerSecond

// Validate checks a tree from outside: its shape, its size and each leaf.
// Whether something answers a leaf is for the gateway to say.
func (l Language) Validate(q *pb.Query) error {
	return (&extent{lang: l}).validate(q, "query", 0, false)
}

// ValidateFilter checks the size of a filter from outside.
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

// An extent counts leaves and bytes of a query. The methods of an extent return an error at the first number beyond a limit.
type extent struct {
	lang                   Language
	leaves, text, pictures int
}

// validate checks a node and the nodes below. negatable: the node stands in an And, where a Not takes away from the other queries.
func (e *extent) validate(q *pb.Query, at string, depth int, negatable bool) error {
	if depth > MaxDepth+1 {
		return errkind.New(errkind.Invalid, "%s: nested more than %d deep", at, MaxDepth)
	}
	below := func(name string, qs ...*pb.Query) error {
		for _, c := range qs {
			if err := e.validate(c, at+"."+name, depth+1, name == "and"); err != nil {
				return err
			}
		}
		return nil
	}
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return e.leaf(n.Leaf, at+".leaf")
	case *pb.Query_And:
		return first(below("and", n.And.GetQueries()...), checkList(n.And.GetQueries(), at+".and"))
	case *pb.Query_Or:
		return first(below("or", n.Or.GetQueries()...), checkList(n.Or.GetQueries(), at+".or"))
	case *pb.Query_Not:
		if !negatable {
			return errkind.New(errkind.Invalid, "%s.not: stands alone; write TERM AND NOT TERM, with parentheses around a NOT of several terms", at)
		}
		if _, twice := n.Not.GetQuery().GetNode().(*pb.Query_Not); twice {
			return errkind.New(errkind.Invalid, "%s.not: NOT NOT", at)
		}
		return below("not", n.Not.GetQuery())
	case *pb.Query_Within:
		return first(checkGap(n.Within.GetGap(), at+".within.gap"), below("within.left", n.Within.GetLeft()), below("within.right", n.Within.GetRight()))
	case *pb.Query_Then:
		return first(checkGap(n.Then.GetGap(), at+".then.gap"), below("then.left", n.Then.GetLeft()), below("then.right", n.Then.GetRight()))
	case *pb.Query_Related:
		return first(checkRelation(n.Related, at+".related"), below("related.left", n.Related.GetLeft()), below("related.right", n.Related.GetRight()))
	case *pb.Query_NearCut:
		return first(checkGap(n.NearCut.GetGap(), at+".nearCut.gap"), below("nearCut.query", n.NearCut.GetQuery()))
	case *pb.Query_AtLeast:
		return first(checkAtLeast(n.AtLeast, at+".atLeast"), below("atLeast.queries", n.AtLeast.GetQueries()...))
	}
	return errkind.New(errkind.Invalid, "%s: an empty node", at)
}

// checkList checks the queries of an And or of an Or.
func checkList(qs []*pb.Query, at string) error {
	if len(qs) < 2 {
		return errkind.New(errkind.Invalid, "%s: needs at least two queries", at)
	}
	if !slices.ContainsFunc(qs, func(q *pb.Query) bool { return q.GetNot() == nil }) {
		return errkind.New(errkind.Invalid, "%s: only NOTs; add a term without NOT", at)
	}
	return nil
}

func checkGap(gap int64, at string) error {
	if gap < 0 || gap > maxGap {
		return errkind.New(errkind.Invalid, "%s: must be from 0 to %s", at, MaxGap)
	}
	return nil
}

func checkRelation(n *pb.Related, at string) error {
	r, known := between[n.GetRelation()]
	switch {
	case !known:
		return errkind.New(errkind.Invalid, "%s.relation: %d is no relation", at, n.GetRelation())
	case !r.gap && n.GetGap() != 0:
		return errkind.New(errkind.Invalid, "%s.gap: %s takes no time; set gap to 0", at, r.words)
	}
	return checkGap(n.GetGap(), at+".gap")
}

func checkAtLeast(n *pb.AtLeast, at string) error {
	if len(n.GetQueries()) < 2 {
		return errkind.New(errkind.Invalid, "%s.queries: needs at least two queries", at)
	}
	if c := int(n.GetCount()); c < 1 || c > len(n.GetQueries()) {
		return errkind.New(errkind.Invalid, "%s.count: must be from 1 to %d, the number of its queries", at, len(n.GetQueries()))
	}
	return nil
}

// first returns the first error other than nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
		return errTexts
	case len(l.GetImage()) > MaxImageBytes:
		return errkind.New(errkind.Invalid, "%s.image: the picture has %d bytes, more than the %d allowed; make the picture smaller", at, len(l.GetImage()), MaxImageBytes)
	case e.pictures > MaxImagesBytes:
		return errkind.New(errkind.Invalid, "%s.image: all pictures together have more than the %d bytes allowed; make the pictures smaller", at, MaxImagesBytes)
	case len(l.GetAsset()) > MaxName || len(l.GetTimecode()) > MaxName:
		return errkind.New(errkind.Invalid, "%s: asset and timecode may have %d bytes each", at, MaxName)
	}
	return first(e.attributes(l, at), e.examples(l, at), e.lang.checkText(l, at), e.lang.checkValue(l, at), checkNarrowing(l, at))
}

var errTexts = errkind.New(errkind.Invalid, "query: all texts together have more than the %d bytes allowed", MaxLength)

// attributes counts and checks the values, the ranges and the region tests of a leaf.
func (e *extent) attributes(l *pb.Leaf, at string) error {
	if n := len(l.GetAttributes()) + len(l.GetRanges()) + len(l.GetRegions()); n > MaxAttributes {
		return errkind.New(errkind.Invalid, "%s.attributes: %d are more than the %d allowed", at, n, MaxAttributes)
	}
	for name, v := range l.GetAttributes() {
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
			return errTexts
		case e.pictures > MaxImagesBytes:
			return errkind.New(errkind.Invalid, "query: all data together has more than the %d bytes allowed", MaxImagesBytes)
		}
		if err := first(checkAttributeName(name, at), checkAttribute(v, at+".attributes."+name)); err != nil {
			return err
		}
		if l.GetRanges()[name] != nil {
			return errkind.New(errkind.Invalid, "%s.attributes: %s has a value and a range; give one of the two", at, name)
		}
	}
	for name, r := range l.GetRanges() {
		if e.text += len(name); e.text > MaxLength {
			return errTexts
		}
		if err := first(checkAttributeName(name, at), checkRange(r, at+".ranges."+name)); err != nil {
			return err
		}
	}
	for _, t := range l.GetRegions() {
		if err := checkRegionTest(t, at+".regions"); err != nil {
			return err
		}
	}
	return nil
}

// narrowing are the names that stand in brackets for fields of a leaf. No attribute may have one of the names.
var narrowing = []string{"confidence", "lang", "slop", "region", crop, same, like, unlike}

func checkAttributeName(name, at string) error {
	if !kindName(name) {
		return errkind.New(errkind.Invalid, "%s.attributes: %.70q is no name of an attribute: small letters, digits and _", at, name)
	}
	if slices.Contains(narrowing, name) {
		return errkind.New(errkind.Invalid, "%s.attributes: %s is no attribute; set the field of the leaf", at, name)
	}
	return nil
}

func checkAttribute(v *pb.Value, at string) error {
	switch n, number := v.GetKind().(*pb.Value_Number); {
	case v.GetKind() == nil:
		return errkind.New(errkind.Invalid, "%s: has no value", at)
	case number && !finite(n.Number):
		return errkind.New(errkind.Invalid, "%s: is no number", at)
	}
	return nil
}

// negative reports whether a number is below 0, or no number. -0 counts: the one-line form leaves zeros out, and would lose the sign.
func negative(v float32) bool { return !(v >= 0) || math.Signbit(float64(v)) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func checkRange(r *pb.NumberRange, at string) error {
	switch {
	case r == nil || r.Min == nil && r.Max == nil:
		return errkind.New(errkind.Invalid, "%s: needs min, max or both", at)
	case !finite(r.GetMin()) || !finite(r.GetMax()):
		return errkind.New(errkind.Invalid, "%s: min and max must be numbers", at)
	case r.Min != nil && r.Max != nil && r.GetMin() > r.GetMax():
		return errkind.New(errkind.Invalid, "%s: min is larger than max", at)
	}
	return nil
}

func checkRegionTest(t *pb.RegionTest, at string) error {
	r, known := ofRegion[t.GetRelation()]
	share := func(v float32) bool { return !negative(v) && v <= 1 }
	switch {
	case !known:
		return errkind.New(errkind.Invalid, "%s.relation: no test of a region; there are %s", at, strings.Join(regionTests(), ", "))
	case r.region && (t.GetRegion() == nil || t.GetValue() != 0 || negative(t.GetValue())):
		return errkind.New(errkind.Invalid, "%s: %s takes a region and no value", at, r.words)
	case !r.region && t.GetRegion() != nil:
		return errkind.New(errkind.Invalid, "%s: %s takes a value and no region", at, r.words)
	case !r.region && !share(t.GetValue()):
		return errkind.New(errkind.Invalid, "%s.value: must be from 0 to 1", at)
	}
	if g := t.GetRegion(); g != nil && !(share(g.GetX()) && share(g.GetY()) && share(g.GetW()) && share(g.GetH()) && g.GetW() > 0 && g.GetH() > 0) {
		return errkind.New(errkind.Invalid, "%s.region: want x, y, w and h from 0 to 1, w and h above 0", at)
	}
	return nil
}

// checkText checks the name and the words of a leaf.
func (l Language) checkText(leaf *pb.Leaf, at string) error {
	switch {
	case !kindName(leaf.GetKind()):
		return errkind.New(errkind.Invalid, "%s.kind: %.70q is no name of a kind: small letters, digits and _", at, leaf.GetKind())
	case len(leaf.GetText()) > MaxText:
		return errkind.New(errkind.Invalid, "%s.text: %d bytes are more than the %d allowed", at, len(leaf.GetText()), MaxText)
	case words(leaf.GetText()) > MaxWords:
		return errkind.New(errkind.Invalid, "%s.text: %d words are more than the %d allowed", at, words(leaf.GetText()), MaxWords)
	case !cleanText(leaf.GetText()):
		return errkind.New(errkind.Invalid, "%s.text: not UTF-8, or with control characters", at)
	case pb.TextMode_name[int32(leaf.GetMode())] == "":
		return errkind.New(errkind.Invalid, "%s.mode: %d is no mode", at, leaf.GetMode())
	}
	return nil
}

// checkValue checks the value of a leaf by the shape of the leaf.
func (l Language) checkValue(leaf *pb.Leaf, at string) error {
	shape := l.shape(leaf.GetKind())
	placed, ranged := placed(shape), shape == pb.LeafShape_LEAF_SHAPE_RANGE
	switch {
	case !placed && (leaf.GetAsset() != "" || leaf.GetTimecode() != "" || leaf.GetTime() != 0):
		return errkind.New(errkind.Invalid, "%s: %s takes no asset, timecode or time", at, leaf.GetKind())
	case (placed || ranged) && leaf.GetText() != "":
		return errkind.New(errkind.Invalid, "%s.text: %s takes no text", at, leaf.GetKind())
	case len(leaf.GetImage()) > 0 && (placed || ranged || leaf.GetText() != ""):
		return errkind.New(errkind.Invalid, "%s.image: %s takes no picture beside a text, a place or numbers", at, leaf.GetKind())
	case placed && leaf.GetTimecode() != "" && leaf.GetTime() != 0:
		return errkind.New(errkind.Invalid, "%s: give the timecode or the time", at)
	case placed && leaf.GetAsset() == "":
		return errkind.New(errkind.Invalid, "%s.asset: %s needs an asset", at, leaf.GetKind())
	case placed && leaf.GetTime() < 0:
		return errkind.New(errkind.Invalid, "%s.time: must be 0 or more", at)
	case ranged:
		return checkRange(leaf.GetRange(), at+".range")
	case leaf.GetRange() != nil:
		return errkind.New(errkind.Invalid, "%s.range: %s takes no numbers", at, leaf.GetKind())
	case shape == pb.LeafShape_LEAF_SHAPE_PICTURE && len(leaf.GetImage()) == 0:
		return errkind.New(errkind.Invalid, "%s.image: %s needs a picture", at, leaf.GetKind())
	case !placed && len(leaf.GetImage()) == 0 && !hasLetter(leaf.GetText()):
		return errkind.New(errkind.Invalid, "%s.text: nothing to look for", at)
	}
	return nil
}

// checkNarrowing checks the narrowing and the weight of a leaf.
func checkNarrowing(leaf *pb.Leaf, at string) error {
	switch {
	case negative(leaf.GetWeight()) || math.IsInf(float64(leaf.GetWeight()), 0):
		return errkind.New(errkind.Invalid, "%s.weight: must be 0 or more", at)
	case negative(leaf.GetMinConfidence()) || leaf.GetMinConfidence() > 1:
		return errkind.New(errkind.Invalid, "%s.minConfidence: must be from 0 to 1", at)
	case len(leaf.GetLanguages()) > MaxListed:
		return errkind.New(errkind.Invalid, "%s.languages: %d are more than the %d allowed", at, len(leaf.GetLanguages()), MaxListed)
	case leaf.GetSlop() < 0 || leaf.GetSlop() > MaxSlop:
		return errkind.New(errkind.Invalid, "%s.slop: must be from 0 to %d", at, MaxSlop)
	case leaf.GetSlop() > 0 && leaf.GetMode() != pb.TextMode_TEXT_MODE_PHRASE:
		return errkind.New(errkind.Invalid, "%s.slop: only the mode phrase takes words in between", at)
	}
	for i, tag := range leaf.GetLanguages() {
		if !languageTag(tag) {
			return errkind.New(errkind.Invalid, "%s.languages[%d]: %.70q is no language tag; write en or pt-BR", at, i, tag)
		}
	}
	return nil
}

// languageTag reports whether a text has the characters of a BCP 47 tag.
func languageTag(s string) bool {
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
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

// words counts the words between spaces.
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
