package query

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Print writes a query and its filter, either of which may be nil, in the one-line form.
func (l Language) Print(q *pb.Query, f *pb.Filter) string {
	var parts []string
	if q.GetNode() != nil {
		// A filter behind OR or WITHIN would be read as a part of the operator, so operators go into parentheses.
		if narrows(f) && !isLeaf(q) {
			parts = append(parts, "("+l.printNode(q)+")")
		} else {
			parts = append(parts, l.printNode(q))
		}
	}
	for _, list := range lists(f) {
		quoted := make([]string, len(list.values))
		for i, v := range list.values {
			quoted[i] = quote(v)
		}
		parts = append(parts, list.name+":"+strings.Join(quoted, ","))
	}
	if c := f.GetMinConfidence(); c > 0 {
		parts = append(parts, "confidence>="+strconv.FormatFloat(float64(c), 'g', -1, 32))
	}
	if f.GetStart() > 0 || f.GetEnd() > 0 {
		span := "time:" + printFlicks(f.GetStart()) + ".."
		if f.GetEnd() > 0 {
			span += printFlicks(f.GetEnd())
		}
		parts = append(parts, span)
	}
	return strings.Join(parts, " ")
}

// A named is a list of a filter that has values.
type named struct {
	name   string
	values []string
}

// lists returns the lists of a filter that have values, in the order in which they are printed.
func lists(f *pb.Filter) []named {
	all := []named{
		{"title", f.GetTitles()}, {"series", f.GetSeries()}, {"asset", f.GetAssets()}, {"lang", f.GetLanguages()},
		{"character", f.GetCharacters()}, {"kind", f.GetKinds()},
	}
	return slices.DeleteFunc(all, func(l named) bool { return len(l.values) == 0 })
}

func narrows(f *pb.Filter) bool { return f != nil && (Language{}).Print(nil, f) != "" }

func isLeaf(q *pb.Query) bool { _, ok := q.GetNode().(*pb.Query_Leaf); return ok }

func (l Language) printNode(q *pb.Query) string {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return l.printLeaf(n.Leaf)
	case *pb.Query_And:
		return l.join(n.And.GetQueries(), " AND ")
	case *pb.Query_Or:
		return l.join(n.Or.GetQueries(), " OR ")
	case *pb.Query_Not:
		return "NOT " + l.operand(n.Not.GetQuery())
	case *pb.Query_Within:
		return l.operand(n.Within.GetLeft()) + " AND " + l.operand(n.Within.GetRight()) + printGap(n.Within.GetGap())
	case *pb.Query_Then:
		return l.operand(n.Then.GetLeft()) + " THEN " + l.operand(n.Then.GetRight()) + printGap(n.Then.GetGap())
	case *pb.Query_Related:
		r := between[n.Related.GetRelation()]
		s := l.operand(n.Related.GetLeft()) + " " + r.words + " " + l.operand(n.Related.GetRight())
		if r.gap {
			s += printGap(n.Related.GetGap())
		}
		return s
	case *pb.Query_NearCut:
		return l.operand(n.NearCut.GetQuery()) + " NEAR CUT" + printGap(n.NearCut.GetGap())
	case *pb.Query_AtLeast:
		var of []string
		for _, c := range n.AtLeast.GetQueries() {
			of = append(of, l.operand(c))
		}
		return "AT LEAST " + strconv.Itoa(int(n.AtLeast.GetCount())) + " OF (" + strings.Join(of, ", ") + ")"
	}
	return ""
}

func printGap(gap int64) string { return " WITHIN " + printFlicks(gap) }

func (l Language) join(qs []*pb.Query, op string) string {
	s := make([]string, len(qs))
	for i, c := range qs {
		s[i] = l.operand(c)
	}
	return strings.Join(s, op)
}

// operand prints a node as a single operand: every node except leaves and NOT in parentheses.
func (l Language) operand(q *pb.Query) string {
	switch q.GetNode().(type) {
	case *pb.Query_Leaf, *pb.Query_Not:
		return l.printNode(q)
	}
	return "(" + l.printNode(q) + ")"
}

func (l Language) printLeaf(leaf *pb.Leaf) string {
	var b strings.Builder
	switch {
	case bareWords(leaf):
		b.WriteString(leaf.GetText())
	case barePhrase(leaf):
		b.WriteString(quote(leaf.GetText()))
		if n := leaf.GetSlop(); n > 0 {
			b.WriteString("~" + strconv.Itoa(int(n)))
		}
	default:
		l.printNamed(&b, leaf)
	}
	if w := leaf.GetWeight(); w != 0 {
		b.WriteString("^" + printFloat(w))
	}
	return b.String()
}

// printNamed prints a leaf with its name.
func (l Language) printNamed(b *strings.Builder, leaf *pb.Leaf) {
	b.WriteString(l.short(leaf.GetKind()))
	for m, v := range modes {
		if v == leaf.GetMode() {
			b.WriteString("." + m)
		}
	}
	printBrackets(b, leaf)
	b.WriteByte(':')
	switch {
	case len(leaf.GetImage()) > 0:
		b.WriteString(`b"` + base64.StdEncoding.EncodeToString(leaf.GetImage()) + `"`)
	case leaf.GetRange() != nil:
		b.WriteString(printRange(leaf.GetRange()))
	case placed(l.shape(leaf.GetKind())):
		b.WriteString(printPlace(leaf))
	default:
		b.WriteString(quote(leaf.GetText()))
	}
}

// bareWords reports whether a leaf is printed as words alone.
func bareWords(leaf *pb.Leaf) bool {
	if !narrowedByNothing(leaf) || leaf.GetMode() != pb.TextMode_TEXT_MODE_UNSPECIFIED {
		return false
	}
	toks, err := lex(leaf.GetText())
	if err != nil {
		return false
	}
	p := &parser{in: leaf.GetText(), toks: toks}
	q, err := p.or(0)
	return err == nil && p.peek().kind == tokEnd && p.filter == nil && q.GetLeaf().GetText() == leaf.GetText() &&
		q.GetLeaf().GetKind() == Bare && q.GetLeaf().GetMode() == pb.TextMode_TEXT_MODE_UNSPECIFIED && !strings.ContainsAny(leaf.GetText(), stops)
}

// barePhrase reports whether a leaf is printed as a quotation alone.
func barePhrase(leaf *pb.Leaf) bool {
	return narrowedByNothing(leaf) && leaf.GetMode() == pb.TextMode_TEXT_MODE_PHRASE
}

// narrowedByNothing reports whether a leaf is of bare words and has nothing in brackets.
func narrowedByNothing(leaf *pb.Leaf) bool {
	return leaf.GetKind() == Bare && len(leaf.GetAttributes())+len(leaf.GetRanges())+len(leaf.GetRegions())+len(leaf.GetLanguages())+len(leaf.GetImage())+len(leaf.GetExamples()) == 0 &&
		leaf.GetMinConfidence() == 0 && leaf.GetRange() == nil && leaf.GetCrop() == nil && !leaf.GetSame()
}

func printFloat(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

func printNumber(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func printRange(r *pb.NumberRange) string {
	var from, to string
	if r.Min != nil {
		from = printNumber(r.GetMin())
	}
	if r.Max != nil {
		to = printNumber(r.GetMax())
	}
	return from + ".." + to
}

// printBrackets prints the narrowing of a leaf in brackets.
func printBrackets(b *strings.Builder, leaf *pb.Leaf) {
	var parts []string
	switch tags := leaf.GetLanguages(); len(tags) {
	case 0:
	case 1:
		parts = append(parts, "lang="+tags[0])
	default:
		parts = append(parts, "lang=("+strings.Join(tags, ",")+")")
	}
	if c := leaf.GetMinConfidence(); c > 0 {
		parts = append(parts, "confidence>="+printFloat(c))
	}
	if n := leaf.GetSlop(); n > 0 {
		parts = append(parts, "slop="+strconv.Itoa(int(n)))
	}
	parts = append(parts, printExamples(leaf)...)
	for _, t := range leaf.GetRegions() {
		test := ofRegion[t.GetRelation()]
		s := "region " + test.words + " "
		if g := t.GetRegion(); test.region {
			s += printRectangle(g)
		} else {
			s += printFloat(t.GetValue())
		}
		parts = append(parts, s)
	}
	for _, name := range slices.Sorted(maps.Keys(leaf.GetRanges())) {
		r := leaf.GetRanges()[name]
		if r.Min != nil {
			parts = append(parts, name+">="+printNumber(r.GetMin()))
		}
		if r.Max != nil {
			parts = append(parts, name+"<="+printNumber(r.GetMax()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(leaf.GetAttributes())) {
		parts = append(parts, name+"="+printValue(leaf.GetAttributes()[name]))
	}
	if len(parts) > 0 {
		b.WriteString("[" + strings.Join(parts, ",") + "]")
	}
}

func printValue(v *pb.Value) string {
	switch v := v.GetKind().(type) {
	case *pb.Value_Text:
		return quote(v.Text)
	case *pb.Value_Data:
		return `b"` + base64.StdEncoding.EncodeToString(v.Data) + `"`
	case *pb.Value_Flag:
		return strconv.FormatBool(v.Flag)
	case *pb.Value_Integer:
		return strconv.FormatInt(v.Integer, 10)
	case *pb.Value_Number:
		s := printNumber(v.Number)
		if !strings.ContainsAny(s, ".e") {
			s += ".0" // else the number would come back as an integer
		}
		return s
	case *pb.Value_Texts:
		quoted := make([]string, len(v.Texts.GetValues()))
		for i, t := range v.Texts.GetValues() {
			quoted[i] = quote(t)
		}
		return "(" + strings.Join(quoted, ",") + ")"
	}
	return ""
}

func printFlicks(f int64) string {
	// Whole milliseconds are written as a person would; anything else exactly.
	const perMilli = flicksPerSecond / 1000
	if f%perMilli == 0 && f/perMilli < int64(1000*time.Hour/time.Millisecond) {
		s := (time.Duration(f/perMilli) * time.Millisecond).String()
		for _, zero := range []string{"m0s", "h0m"} { // 1m, and not 1m0s
			if strings.HasSuffix(s, zero) {
				s = s[:len(s)-2]
			}
		}
		return s
	}
	return strconv.FormatInt(f, 10) + "fl"
}
