package query

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// brackets reads the narrowing of a leaf: [lang=en, confidence>=0.8, slop=3, region inside 0,0,0.5,1, count>=2, who="Bo"].
func (p *parser) brackets(l *pb.Leaf) error {
	open := p.next()
	given := map[string]bool{}
	for {
		name := p.next()
		if name.kind != tokWord || !kindName(name.text) {
			return p.errorf(name, "want the name of an attribute, or one of %s", strings.Join(narrowing, ", "))
		}
		if err := p.narrow(l, name, given); err != nil {
			return err
		}
		switch t := p.next(); {
		case t.is("]"):
			return nil
		case !t.is(","):
			return p.errorf(open, "a bracket is not closed")
		}
	}
}

// narrow reads the sign and the value behind a name in brackets. given are the names so far, with their signs.
func (p *parser) narrow(l *pb.Leaf, name token, given map[string]bool) error {
	switch name.text {
	case "region":
		return p.region(l)
	case crop:
		if l.Crop != nil {
			return p.errorf(name, "%s is given twice", crop)
		}
		var err error
		l.Crop, err = p.rectangle(crop)
		return err
	}
	sign := p.next()
	if !sign.is("=") && !sign.compares() {
		return p.errorf(sign, "want =, >= or <= after %.70s", name.text)
	}
	if name.text == like || name.text == unlike {
		return p.example(l, name, sign)
	}
	if given[name.text+"="] || given[name.text+sign.text] || sign.is("=") && (given[name.text+">="] || given[name.text+"<="]) {
		return p.errorf(name, "%s is given twice", name.text)
	}
	given[name.text+sign.text] = true
	switch name.text {
	case "confidence":
		if !sign.is(">=") {
			return p.errorf(sign, "want >= after confidence")
		}
		v, err := p.share("a number from 0 to 1")
		l.MinConfidence = v
		return err
	case "lang":
		return p.languages(l, sign)
	case same:
		if t := p.next(); !sign.is("=") || !t.op("true") {
			return p.errorf(t, "want same=true")
		}
		l.Same = true
		return nil
	case "slop":
		t := p.next()
		n, err := strconv.ParseInt(t.text, 10, 32)
		if !sign.is("=") || t.kind != tokWord || err != nil {
			return p.errorf(t, "want a number of words, as in slop=3")
		}
		l.Slop = int32(n)
		return nil
	}
	if sign.is("=") {
		return p.attribute(l, name.text)
	}
	return p.limit(l, name.text, sign)
}

// limit reads the number that an attribute is at least, or at most, by the sign.
func (p *parser) limit(l *pb.Leaf, name string, sign token) error {
	v, err := p.bounded()
	if err != nil {
		return err
	}
	r := l.Ranges[name]
	if r == nil {
		r = &pb.NumberRange{}
	}
	if sign.is(">=") {
		r.Min = &v
	} else {
		r.Max = &v
	}
	setRange(l, name, r)
	return nil
}

func setRange(l *pb.Leaf, name string, r *pb.NumberRange) {
	if l.Ranges == nil {
		l.Ranges = map[string]*pb.NumberRange{}
	}
	l.Ranges[name] = r
}

// languages reads en or (en,es).
func (p *parser) languages(l *pb.Leaf, sign token) error {
	if !sign.is("=") {
		return p.errorf(sign, "want = after lang")
	}
	tag := func() error {
		t := p.next()
		if t.kind != tokWord && t.kind != tokQuoted || !languageTag(t.text) {
			return p.errorf(t, "want a language, as in lang=en or lang=(en,es)")
		}
		l.Languages = append(l.Languages, t.text)
		return nil
	}
	if !p.peek().is("(") {
		return tag()
	}
	for p.next(); ; p.next() {
		if err := tag(); err != nil {
			return err
		}
		switch t := p.peek(); {
		case t.is(")"):
			p.next()
			return nil
		case !t.is(","):
			return p.errorf(t, "want a list of languages, as in lang=(en,es)")
		}
	}
}

// region reads a test of the region: inside 0,0,0.5,1 or left of 0.5.
func (p *parser) region(l *pb.Leaf) error {
	at := p.peek()
	for relation, test := range ofRegion {
		words := strings.Fields(test.words)
		if !p.at(words) {
			continue
		}
		p.skip(words)
		t := &pb.RegionTest{Relation: relation}
		if !test.region {
			v, err := p.share("a number from 0 to 1")
			t.Value = v
			l.Regions = append(l.Regions, t)
			return err
		}
		g, err := p.rectangle("region " + test.words)
		t.Region = g
		l.Regions = append(l.Regions, t)
		return err
	}
	first, _, _ := strings.Cut(at.text, " ")
	return p.errorf(at, "want region and one of %s%s", strings.Join(regionTests(), ", "), meant(first, regionTests()))
}

// rectangle reads x,y,w,h behind some words.
func (p *parser) rectangle(words string) (*pb.Region, error) {
	var rect [4]float32
	for i := range rect {
		if i > 0 {
			if comma := p.next(); !comma.is(",") {
				return nil, p.errorf(comma, "want x,y,w,h, as in %s 0,0,0.5,1", words)
			}
		}
		v, err := p.share("x,y,w,h from 0 to 1, as in " + words + " 0,0,0.5,1")
		if err != nil {
			return nil, err
		}
		rect[i] = v
	}
	return &pb.Region{X: rect[0], Y: rect[1], W: rect[2], H: rect[3]}, nil
}

// attribute reads the value of an attribute, or a range such as 2..5.
func (p *parser) attribute(l *pb.Leaf, name string) error {
	if t := p.peek(); t.kind == tokWord {
		if r, ok := parseRange(t.text); ok {
			p.next()
			setRange(l, name, r)
			return nil
		}
	}
	v, err := p.attributeValue()
	if err != nil {
		return err
	}
	if l.Attributes == nil {
		l.Attributes = map[string]*pb.Value{}
	}
	l.Attributes[name] = v
	return nil
}

func (p *parser) attributeValue() (*pb.Value, error) {
	t := p.next()
	switch {
	case t.kind == tokQuoted:
		return &pb.Value{Kind: &pb.Value_Text{Text: t.text}}, nil
	case t.kind == tokData:
		b, err := base64.StdEncoding.DecodeString(t.text)
		if err != nil {
			return nil, p.errorf(t, "not base64")
		}
		return &pb.Value{Kind: &pb.Value_Data{Data: b}}, nil
	case t.is("("):
		return p.texts(t)
	case t.op("true"), t.op("false"):
		return &pb.Value{Kind: &pb.Value_Flag{Flag: t.text == "true"}}, nil
	case t.kind == tokWord:
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return &pb.Value{Kind: &pb.Value_Integer{Integer: n}}, nil
		}
		if f, err := strconv.ParseFloat(t.text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return &pb.Value{Kind: &pb.Value_Number{Number: f}}, nil
		}
	}
	return nil, p.errorf(t, "want a number, a range such as 2..5, true, false, or a text in quotation marks")
}

// texts reads a list of texts behind the parenthesis.
func (p *parser) texts(open token) (*pb.Value, error) {
	list := &pb.StringList{}
	for !p.peek().is(")") {
		if len(list.Values) > 0 && !p.next().is(",") {
			return nil, p.errorf(open, "a list is written (\"a\",\"b\")")
		}
		v := p.next()
		if v.kind != tokQuoted {
			return nil, p.errorf(v, "want a text in quotation marks")
		}
		list.Values = append(list.Values, v.text)
	}
	p.next()
	return &pb.Value{Kind: &pb.Value_Texts{Texts: list}}, nil
}

var filterNames = []string{"title", "series", "asset", "lang", "character", "kind", "time"}

// FilterNames returns the names of the filters with values.
func FilterNames() []string { return slices.Clone(filterNames) }
