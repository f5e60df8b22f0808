package query

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Print writes a query and its filter, either of which may be nil, in the one-line form.
func (l Language) Print(q *pb.Query, f *pb.Filter) string {
	var parts []string
	if q.GetNode() != nil {
		// Beside a filter, OR and WITHIN would take it in: they go into parentheses.
		if narrows(f) && !isLeaf(q) {
			parts = append(parts, "("+l.printNode(q)+")")
		} else {
			parts = append(parts, l.printNode(q))
		}
	}
	list := func(name string, vs []string) {
		if len(vs) == 0 {
			return
		}
		quoted := make([]string, len(vs))
		for i, v := range vs {
			quoted[i] = quote(v)
		}
		parts = append(parts, name+":"+strings.Join(quoted, ","))
	}
	list("title", f.GetTitles())
	list("series", f.GetSeries())
	list("asset", f.GetAssets())
	list("lang", f.GetLanguages())
	list("character", f.GetCharacters())
	list("kind", f.GetKinds())
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
		return l.operand(n.Within.GetLeft()) + " AND " + l.operand(n.Within.GetRight()) + " WITHIN " + printFlicks(n.Within.GetGap())
	}
	return ""
}

func (l Language) join(qs []*pb.Query, op string) string {
	s := make([]string, len(qs))
	for i, c := range qs {
		s[i] = l.operand(c)
	}
	return strings.Join(s, op)
}

// operand prints a node so that it stays one operand: anything but a leaf and a NOT in parentheses.
func (l Language) operand(q *pb.Query) string {
	switch q.GetNode().(type) {
	case *pb.Query_Leaf, *pb.Query_Not:
		return l.printNode(q)
	}
	return "(" + l.printNode(q) + ")"
}

func (l Language) printLeaf(leaf *pb.Leaf) string {
	var b strings.Builder
	if leaf.GetKind() == Bare && leaf.GetMode() == 0 && len(leaf.GetAttributes()) == 0 && len(leaf.GetImage()) == 0 {
		b.WriteString(quote(leaf.GetText()))
	} else {
		b.WriteString(l.short(leaf.GetKind()))
		for m, v := range modes {
			if v == leaf.GetMode() {
				b.WriteString("." + m)
			}
		}
		printAttributes(&b, leaf.GetAttributes())
		b.WriteByte(':')
		switch {
		case len(leaf.GetImage()) > 0:
			b.WriteString(`b"` + base64.StdEncoding.EncodeToString(leaf.GetImage()) + `"`)
		case placed(l.shape(leaf.GetKind())):
			at := leaf.GetTimecode()
			if at == "" {
				at = printFlicks(leaf.GetTime())
			}
			b.WriteString(quote(leaf.GetAsset() + "@" + at))
		default:
			b.WriteString(quote(leaf.GetText()))
		}
	}
	if w := leaf.GetWeight(); w != 0 {
		b.WriteString("^" + strconv.FormatFloat(float64(w), 'g', -1, 32))
	}
	return b.String()
}

func printAttributes(b *strings.Builder, attrs map[string]*pb.Value) {
	if len(attrs) == 0 {
		return
	}
	for i, name := range slices.Sorted(maps.Keys(attrs)) {
		b.WriteByte("[,"[min(i, 1)])
		b.WriteString(name + "=")
		switch v := attrs[name].GetKind().(type) {
		case *pb.Value_Text:
			b.WriteString(quote(v.Text))
		case *pb.Value_Data:
			b.WriteString(`b"` + base64.StdEncoding.EncodeToString(v.Data) + `"`)
		case *pb.Value_Flag:
			b.WriteString(strconv.FormatBool(v.Flag))
		case *pb.Value_Integer:
			b.WriteString(strconv.FormatInt(v.Integer, 10))
		case *pb.Value_Number:
			s := strconv.FormatFloat(v.Number, 'g', -1, 64)
			if !strings.ContainsAny(s, ".e") {
				s += ".0" // else it would come back as an integer
			}
			b.WriteString(s)
		case *pb.Value_Texts:
			quoted := make([]string, len(v.Texts.GetValues()))
			for i, t := range v.Texts.GetValues() {
				quoted[i] = quote(t)
			}
			b.WriteString("(" + strings.Join(quoted, ",") + ")")
		}
	}
	b.WriteByte(']')
}
