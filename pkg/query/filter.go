package query

import (
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// filterField returns where the values of a filter go, or nil if the name is no filter's.
func (p *parser) filterField(name string) func(*pb.Filter, string) error {
	to := func(pick func(*pb.Filter) *[]string) func(*pb.Filter, string) error {
		return func(f *pb.Filter, v string) error { s := pick(f); *s = append(*s, v); return nil }
	}
	switch name {
	case "title":
		return to(func(f *pb.Filter) *[]string { return &f.Titles })
	case "series":
		return to(func(f *pb.Filter) *[]string { return &f.Series })
	case "asset":
		return to(func(f *pb.Filter) *[]string { return &f.Assets })
	case "lang":
		return to(func(f *pb.Filter) *[]string { return &f.Languages })
	case "character":
		return to(func(f *pb.Filter) *[]string { return &f.Characters })
	case "kind":
		return to(func(f *pb.Filter) *[]string { return &f.Kinds })
	case "time":
		return func(f *pb.Filter, v string) error {
			from, until, ok := strings.Cut(v, "..")
			a, okA := parseFlicks(from)
			b, okB := int64(0), true
			if until != "" {
				b, okB = parseFlicks(until)
			}
			if !ok || !okA || !okB || until != "" && b <= a {
				return errkind.New(errkind.Invalid, "want a span such as time:1m..2m30s or time:10s..")
			}
			f.Start, f.End = a, b
			return nil
		}
	}
	return nil
}

func (p *parser) narrowing(t token) (*pb.Filter, error) {
	if p.nested > 0 {
		return nil, p.errorf(t, "a filter narrows the whole query: write it outside parentheses, OR and NOT")
	}
	if p.filter == nil {
		p.filter = &pb.Filter{}
	}
	return p.filter, nil
}

func (p *parser) values(head token, set func(*pb.Filter, string) error) error {
	f, err := p.narrowing(head)
	if err != nil {
		return err
	}
	p.next() // the colon
	for {
		t := p.next()
		if t.kind != tokWord && t.kind != tokQuoted || t.text == "" {
			return p.errorf(t, "want a value after %.70s:", head.text)
		}
		v := t.text
		// Identities may hold colons.
		for n := p.peek(); t.kind == tokWord && n.glue && (n.is(":") || n.kind == tokWord); n = p.peek() {
			v += p.next().text
		}
		if err := set(f, v); err != nil {
			return p.errorf(t, "%v", err)
		}
		if !p.peek().is(",") {
			return nil
		}
		p.next()
	}
}

// bound reads a word and its comparison with a number: a filter of confidence, or a leaf of numbers.
func (p *parser) bound() (*pb.Query, error) {
	head := p.next()
	if head.text != "confidence" {
		l := &pb.Leaf{Kind: p.lang.long(head.text)}
		if err := p.lang.unknown(head.text); err != nil {
			return nil, p.errorf(head, "%v", err)
		}
		if err := p.compared(head, l); err != nil {
			return nil, err
		}
		return p.weighted(l)
	}
	if t := p.next(); !t.is(">=") {
		return nil, p.errorf(t, "want >= after confidence")
	}
	f, err := p.narrowing(head)
	if err != nil {
		return nil, err
	}
	f.MinConfidence, err = p.share("a number from 0 to 1")
	return nil, err
}
