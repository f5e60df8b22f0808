package query

import (
	"strings"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Terms takes a query apart into the terms that a person sees side by side, in the order of the line. Either of q and f may be nil.
//
//   - Join of the terms is a line that Parse reads as q and f.
//   - The operands of AND, of WITHIN and of a chain of THEN and relations are terms. Every other node is one term, with its operands.
func (l Language) Terms(q *pb.Query, f *pb.Filter) []*pb.Term {
	var terms []*pb.Term
	if q.GetNode() != nil {
		terms = l.terms(q)
	}
	add := func(name, value string, part *pb.Filter) {
		terms = append(terms, &pb.Term{Kind: pb.TermKind_TERM_KIND_FILTER, Text: l.Print(nil, part), Name: name, Value: value})
	}
	for _, list := range lists(f) {
		for _, v := range list.values {
			terms = append(terms, &pb.Term{Kind: pb.TermKind_TERM_KIND_FILTER, Text: list.name + ":" + quote(v), Name: list.name, Value: v})
		}
	}
	if c := f.GetMinConfidence(); c > 0 {
		add("confidence", printFloat(c), &pb.Filter{MinConfidence: c})
	}
	if f.GetStart() > 0 || f.GetEnd() > 0 {
		part := &pb.Filter{Start: f.GetStart(), End: f.GetEnd()}
		add("time", strings.TrimPrefix(l.Print(nil, part), "time:"), part)
	}
	return terms
}

// terms returns the terms of a query without a filter.
func (l Language) terms(q *pb.Query) []*pb.Term {
	switch n := q.GetNode().(type) {
	case *pb.Query_And:
		var terms []*pb.Term
		for _, c := range n.And.GetQueries() {
			terms = append(terms, l.term(c))
		}
		return terms
	case *pb.Query_Within:
		gap := n.Within.GetGap()
		var terms []*pb.Term
		if left := n.Within.GetLeft(); left.GetWithin() != nil && left.GetWithin().GetGap() == gap {
			terms = l.terms(left)
			terms = terms[:len(terms)-1] // WITHIN stands once, behind the chain
		} else {
			terms = append(terms, l.term(left))
		}
		return append(terms, l.term(n.Within.GetRight()), gapTerm(printGap(gap)))
	case *pb.Query_Then:
		return append(l.chain(n.Then.GetLeft()), operatorTerm("THEN"), l.term(n.Then.GetRight()), gapTerm(printGap(n.Then.GetGap())))
	case *pb.Query_Related:
		r := between[n.Related.GetRelation()]
		terms := append(l.chain(n.Related.GetLeft()), operatorTerm(r.words), l.term(n.Related.GetRight()))
		if r.gap {
			terms = append(terms, gapTerm(printGap(n.Related.GetGap())))
		}
		return terms
	case *pb.Query_NearCut:
		return append(l.chain(n.NearCut.GetQuery()), gapTerm(" NEAR CUT"+printGap(n.NearCut.GetGap())))
	}
	return []*pb.Term{l.term(q)}
}

// chain returns the terms of the left operand of a relation. Relations join from the left.
func (l Language) chain(left *pb.Query) []*pb.Term {
	switch left.GetNode().(type) {
	case *pb.Query_Then, *pb.Query_Related, *pb.Query_NearCut:
		return l.terms(left)
	}
	return []*pb.Term{l.term(left)}
}

// term makes one term of a node.
func (l Language) term(q *pb.Query) *pb.Term {
	t := &pb.Term{Kind: pb.TermKind_TERM_KIND_GROUP, Text: l.operand(q)}
	if not := q.GetNot(); not != nil {
		t.Not = true
		q = not.GetQuery()
	}
	leaf := q.GetLeaf()
	if leaf == nil {
		return t
	}
	t.Kind, t.Name, t.Value = pb.TermKind_TERM_KIND_LEAF, leaf.GetKind(), leaf.GetText()
	if leaf.GetRange() != nil {
		t.Value = printRange(leaf.GetRange())
	} else if leaf.GetAsset() != "" {
		t.Value = strings.Trim(printPlace(leaf), `"`)
	}
	return t
}

func operatorTerm(words string) *pb.Term {
	return &pb.Term{Kind: pb.TermKind_TERM_KIND_OPERATOR, Text: words}
}

func gapTerm(words string) *pb.Term {
	return &pb.Term{Kind: pb.TermKind_TERM_KIND_GAP, Text: strings.TrimSpace(words)}
}

// Join writes terms in one line.
func Join(terms []*pb.Term) string {
	var body, filters string
	bound := false
	last := pb.TermKind_TERM_KIND_OPERATOR
	for _, t := range terms {
		kind := t.GetKind()
		if kind == pb.TermKind_TERM_KIND_FILTER {
			filters += " " + t.GetText()
			continue
		}
		operand := kind == pb.TermKind_TERM_KIND_LEAF || kind == pb.TermKind_TERM_KIND_GROUP
		if operand && last != pb.TermKind_TERM_KIND_OPERATOR {
			body += " AND"
		}
		body += " " + t.GetText()
		bound = bound || !operand
		last = kind
	}
	body = strings.TrimSpace(body)
	if bound && filters != "" {
		body = "(" + body + ")" // a filter behind an operator would be read as an operand
	}
	return strings.TrimSpace(body + filters)
}
