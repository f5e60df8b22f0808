package query

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Parse reads the one-line form. The filter is nil where the line has none; the
// query is nil where the line has filters alone.
func (l Language) Parse(in string) (*pb.Query, *pb.Filter, error) {
	toks, err := lex(in)
	if err != nil {
		return nil, nil, err
	}
	p := &parser{lang: l, in: in, toks: toks}
	q, err := p.or(0)
	if err != nil {
		return nil, nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, nil, p.unexpected(t)
	}
	if q == nil && p.filter == nil {
		return nil, nil, errkind.New(errkind.Invalid, "query: nothing is asked for")
	}
	if q != nil {
		if err := l.Validate(q); err != nil {
			return nil, nil, err
		}
	}
	if err := ValidateFilter(p.filter); err != nil {
		return nil, nil, err
	}
	return q, p.filter, nil
}

type parser struct {
	lang   Language
	in     string
	toks   []token
	i      int
	filter *pb.Filter
	nested int // parentheses, NOTs and operators around the current token
	// A comma ends a term where listed is true: the parser is in the list of AT LEAST, and not in parentheses within the list.
	listed bool
	// minus are the terms of a run of words with a dash in front. The And around the run takes the terms.
	minus []*pb.Query
}

func (p *parser) peek() token { return p.toks[p.i] }
func (p *parser) ahead(n int) token {
	return p.toks[min(p.i+n, len(p.toks)-1)]
}
func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

func (p *parser) errorf(t token, format string, args ...any) error {
	return errorAt{p.in, t.at}.errorf(format, args...)
}

func (p *parser) unexpected(t token) error {
	return p.errorf(t, "did not expect %.40q here; write TERM AND TERM, or quote the sign", t.text)
}

// inside runs parse with the parser nested one level deeper.
func (p *parser) inside(parse func() (*pb.Query, error)) (*pb.Query, error) {
	p.nested++
	defer func() { p.nested-- }()
	return parse()
}

func (t token) is(punct string) bool { return t.kind == tokPunct && t.text == punct }
func (t token) op(word string) bool  { return t.kind == tokWord && t.text == word }

// compares reports whether the token is >= or <=.
func (t token) compares() bool { return t.is(">=") || t.is("<=") }

// ends reports whether the current token ends a list of terms.
func (p *parser) ends() bool {
	t := p.peek()
	return t.kind == tokEnd || t.is(")") || p.listed && t.is(",")
}

// missing returns the error of an operator without a term; nil where a term begins at the current token.
func (p *parser) missing(op token, format string, args ...any) error {
	if p.ends() || p.operator() && !p.at(opNot) && !p.at(opAtLeast) {
		return p.errorf(op, format, args...)
	}
	return nil
}

func (p *parser) or(depth int) (*pb.Query, error) {
	if depth > MaxDepth {
		return nil, p.errorf(p.peek(), "nested more than %d deep", MaxDepth)
	}
	var parts []*pb.Query
	for {
		before := p.filter
		start := p.peek()
		q, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		if q != nil {
			parts = append(parts, q)
		}
		if !p.at(opOr) {
			break
		}
		if q == nil || before != p.filter && len(parts) == 0 {
			return nil, p.errorf(start, "OR needs something to look for on both sides; a filter narrows the whole query")
		}
		p.next()
		p.nested++ // a filter after OR would seem to belong to one side
		defer func() { p.nested-- }()
		if p.ends() {
			return nil, p.errorf(p.peek(), "OR needs something to look for on both sides")
		}
	}
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	return Or(parts...), nil
}

// and reads terms, with AND between the terms or without, and the WITHIN behind the terms.
func (p *parser) and(depth int) (*pb.Query, error) {
	parts, err := p.terms(depth)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); p.at(opWithin) {
		p.next()
		gap, err := p.duration()
		if err != nil {
			return nil, err
		}
		if len(parts) < 2 {
			return nil, p.errorf(t, "WITHIN needs two terms before WITHIN")
		}
		q := parts[0]
		for _, r := range parts[1:] {
			q = Within(q, r, gap)
		}
		return q, nil
	}
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	return And(parts...), nil
}

func (p *parser) terms(depth int) (parts []*pb.Query, err error) {
	const sides = "AND needs something to look for on both sides"
	for !p.ends() && !p.at(opOr) && !p.at(opWithin) {
		if t := p.peek(); p.at(opAnd) {
			return nil, p.errorf(t, sides)
		}
		if len(parts) > 0 {
			if err := p.mistyped(); err != nil {
				return nil, err
			}
		}
		q, err := p.related(depth)
		if err != nil {
			return nil, err
		}
		if q != nil {
			parts = append(parts, q)
		}
		parts, p.minus = append(parts, p.minus...), nil
		if p.at(opAnd) {
			if err := p.missing(p.next(), sides); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

// related reads a term, and the relations behind the term from the left: (A THEN B WITHIN 5s) OVERLAPS C.
func (p *parser) related(depth int) (*pb.Query, error) {
	start := p.peek()
	q, err := p.unary(depth)
	for links := depth; err == nil; links++ {
		t := p.peek()
		relation, related := p.relation()
		switch {
		case !related && !p.at(opThen) && !p.at(opNearCut):
			return q, nil
		case q == nil:
			return nil, p.errorf(start, "%s needs something to look for on both sides; a filter narrows the whole query", t.text)
		case q.GetNot() != nil:
			return nil, p.errorf(start, "NOT stands before %s; write NOT (TERM %s TERM), or move the NOT", t.text, t.text)
		case links > MaxDepth:
			return nil, p.errorf(t, "nested more than %d deep", MaxDepth)
		case related:
			q, err = p.link(between[relation].words, between[relation].gap, depth, func(right *pb.Query, gap int64) *pb.Query {
				return Related(q, relation, right, gap)
			})
		case p.at(opThen):
			q, err = p.link("THEN", true, depth, func(right *pb.Query, gap int64) *pb.Query { return Then(q, right, gap) })
		default:
			p.skip(opNearCut)
			var gap int64
			if gap, err = p.within("TERM NEAR CUT WITHIN 5s"); err == nil {
				q = NearCut(q, gap)
			}
		}
	}
	return nil, err
}

// link reads an operator with its right term, and WITHIN with a time where the operator has a gap.
func (p *parser) link(op string, timed bool, depth int, join func(right *pb.Query, gap int64) *pb.Query) (*pb.Query, error) {
	t := p.peek()
	p.skip(strings.Fields(op))
	if err := p.missing(t, "%s needs something to look for on both sides", op); err != nil {
		return nil, err
	}
	start := p.peek()
	right, err := p.inside(func() (*pb.Query, error) { return p.unary(depth) })
	if err != nil {
		return nil, err
	}
	if right.GetNot() != nil {
		return nil, p.errorf(start, "NOT stands behind %s; write TERM AND NOT (TERM %s TERM)", op, op)
	}
	if !timed {
		return join(right, 0), nil
	}
	gap, err := p.within("TERM " + op + " TERM WITHIN 5s")
	if err != nil {
		return nil, err
	}
	return join(right, gap), nil
}

// within reads WITHIN and a time.
func (p *parser) within(form string) (int64, error) {
	if t := p.next(); !t.op("WITHIN") {
		return 0, p.errorf(t, "want WITHIN and a time: %s", form)
	}
	return p.duration()
}

func (p *parser) unary(depth int) (*pb.Query, error) {
	t := p.peek()
	switch {
	case p.at(opNot):
		p.next()
		if depth > MaxDepth {
			return nil, p.errorf(t, "nested more than %d deep", MaxDepth)
		}
		if err := p.missing(t, "NOT needs a term after NOT"); err != nil {
			return nil, err
		}
		// A NOT counts as a level, so that a chain of NOTs ends.
		q, err := p.inside(func() (*pb.Query, error) { return p.unary(depth + 1) })
		if err != nil {
			return nil, err
		}
		return Not(q), nil
	case p.dashed():
		return p.negative(depth)
	case p.at(opAtLeast):
		return p.inside(func() (*pb.Query, error) { return p.atLeast(depth) })
	case p.operator():
		return nil, p.errorf(t, "%s needs something to look for on both sides", t.text)
	case t.is("("):
		return p.inside(func() (*pb.Query, error) { return p.group(depth) })
	case t.kind == tokQuoted:
		p.next()
		l := &pb.Leaf{Kind: Bare, Text: t.text, Mode: pb.TextMode_TEXT_MODE_PHRASE}
		if err := p.apart(l); err != nil {
			return nil, err
		}
		return p.weighted(l)
	case t.kind == tokWord && p.names():
		return p.named()
	case t.kind == tokWord && p.ahead(1).compares():
		return p.bound()
	case t.kind == tokWord:
		return p.words(depth)
	}
	return nil, p.unexpected(t)
}

// names reports whether the current word names a leaf or a filter.
func (p *parser) names() bool {
	n := p.ahead(1)
	return n.glue && (n.is(":") || n.is("["))
}

// group reads a query in parentheses.
func (p *parser) group(depth int) (*pb.Query, error) {
	open := p.next()
	listed, minus := p.listed, p.minus
	p.listed, p.minus = false, nil
	q, err := p.or(depth + 1)
	p.listed, p.minus = listed, minus
	switch {
	case err != nil:
		return nil, err
	case !p.peek().is(")"):
		return nil, p.errorf(open, "a parenthesis is not closed")
	case q == nil:
		return nil, p.errorf(open, "nothing between the parentheses")
	}
	p.next()
	return q, nil
}

// atLeast reads AT LEAST 2 OF (A, B, C).
func (p *parser) atLeast(depth int) (*pb.Query, error) {
	const form = "AT LEAST 2 OF (TERM, TERM, TERM)"
	start := p.peek()
	p.skip(opAtLeast)
	t := p.next()
	count, err := strconv.ParseInt(t.text, 10, 32)
	if t.kind != tokWord || err != nil {
		return nil, p.errorf(t, "want a number, as in %s", form)
	}
	if t := p.next(); !t.op("OF") {
		return nil, p.errorf(t, "want OF, as in %s", form)
	}
	open := p.next()
	if !open.is("(") {
		return nil, p.errorf(open, "want a list in parentheses, as in %s", form)
	}
	listed, minus := p.listed, p.minus
	defer func() { p.listed, p.minus = listed, minus }()
	p.minus = nil
	var qs []*pb.Query
	for {
		p.listed = true
		at := p.peek()
		q, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if q == nil {
			return nil, p.errorf(at, "want something to look for, as in %s", form)
		}
		qs = append(qs, q)
		switch t := p.next(); {
		case t.is(")"):
			if count < 1 || count > int64(len(qs)) || len(qs) < 2 {
				return nil, p.errorf(start, "AT LEAST %d OF %d terms: want two terms or more, and a number from 1 to the number of terms", count, len(qs))
			}
			return AtLeast(int(count), qs...), nil
		case !t.is(","):
			return nil, p.errorf(open, "a parenthesis is not closed")
		}
	}
}

// dashed reports whether a term with a dash in front stands here: -word, -leaf:value, -"…" or -(…).
func (p *parser) dashed() bool {
	t := p.peek()
	if t.kind != tokWord || t.glue || !strings.HasPrefix(t.text, "-") {
		return false
	}
	if n := p.ahead(1); t.text == "-" {
		return n.glue && (n.kind == tokQuoted || n.is("("))
	}
	r, _ := utf8.DecodeRuneInString(t.text[1:])
	return unicode.IsLetter(r)
}

// negative reads a term with a dash in front. The dash takes the next word or term.
func (p *parser) negative(depth int) (*pb.Query, error) {
	t := &p.toks[p.i]
	if t.text == "-" {
		p.i++
	} else {
		t.text, t.at = t.text[1:], t.at+1
	}
	if depth > MaxDepth {
		return nil, p.errorf(*t, "nested more than %d deep", MaxDepth)
	}
	q, err := p.inside(func() (*pb.Query, error) {
		if p.peek().kind != tokWord || p.names() {
			return p.unary(depth + 1)
		}
		return p.weighted(bare([]string{p.next().text}))
	})
	if err != nil {
		return nil, err
	}
	return Not(q), nil
}

// mistyped returns the error of a word or two in capitals, between two terms, near to an operator.
func (p *parser) mistyped() error {
	var words []string
	for i := 0; i < 2; i++ {
		t := p.ahead(i)
		if n := p.ahead(i + 1); t.kind != tokWord || !capitals(t.text) || n.is(":") && n.glue || p.operator() {
			return nil
		}
		words = append(words, t.text)
		if !p.begins(i + 1) {
			continue
		}
		if op := nearest(strings.Join(words, " "), Operators()); op != "" {
			return p.errorf(p.peek(), "%q is no operator; did you mean %s? Words in capitals that are looked for go into quotation marks", strings.Join(words, " "), op)
		}
		return nil
	}
	return nil
}

// begins reports whether a term other than a bare word begins n tokens ahead.
func (p *parser) begins(n int) bool {
	t, after := p.ahead(n), p.ahead(n+1)
	return t.kind == tokQuoted || t.is("(") || t.kind == tokWord && after.glue && (after.is(":") || after.is("["))
}

func capitals(s string) bool {
	return len(s) > 1 && strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}
