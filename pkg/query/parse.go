package query

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Limits that keep a query's cost in hand; Parse, Validate and ValidateFilter refuse what is over.
const (
	MaxLength      = 16 << 10 // bytes of the one-line form, and of all texts of a tree; pictures aside
	MaxTokens      = 4096     // words and signs of the one-line form
	MaxDepth       = 16
	MaxLeaves      = 32
	MaxText        = 2 << 10 // bytes of one leaf's words
	MaxWords       = 256     // of one leaf
	MaxName        = 256     // bytes of an identity, a timecode, a value of a filter
	MaxAttributes  = 16      // of one leaf
	MaxListed      = 64      // texts of one attribute
	MaxFiltered    = 1000    // values of a filter, all its lists together
	MaxImageBytes  = 8 << 20 // of one picture, decoded from base64
	MaxImagesBytes = 8 << 20 // of all pictures of a query
	MaxGap         = time.Hour
)

// flicksPerNano is exact as a ratio: 705,600,000 flicks are 1,000,000,000 ns.
const flicksPerSecond = 705_600_000

var modes = map[string]pb.TextMode{
	"words": pb.TextMode_TEXT_MODE_WORDS, "phrase": pb.TextMode_TEXT_MODE_PHRASE, "fuzzy": pb.TextMode_TEXT_MODE_FUZZY,
	"prefix": pb.TextMode_TEXT_MODE_PREFIX, "meaning": pb.TextMode_TEXT_MODE_MEANING,
}

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
		return nil, nil, p.errorf(t, "did not expect %.40q here", t.text)
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
	nested int // parentheses and NOTs around the place we are at
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

func (t token) is(punct string) bool { return t.kind == tokPunct && t.text == punct }
func (t token) op(word string) bool  { return t.kind == tokWord && t.text == word }
func (t token) operator() bool       { return t.op("AND") || t.op("OR") || t.op("NOT") || t.op("WITHIN") }

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
		if !p.peek().op("OR") {
			break
		}
		if q == nil || before != p.filter && len(parts) == 0 {
			return nil, p.errorf(start, "OR needs something to look for on both sides; a filter narrows the whole query")
		}
		p.next()
		p.nested++ // a filter after OR would seem to belong to one side
		if t := p.peek(); t.kind == tokEnd || t.is(")") {
			return nil, p.errorf(t, "OR needs something to look for on both sides")
		}
		defer func() { p.nested-- }()
	}
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	return Or(parts...), nil
}

func (p *parser) and(depth int) (*pb.Query, error) {
	var parts []*pb.Query
	for {
		t := p.peek()
		if t.kind == tokEnd || t.is(")") || t.op("OR") || t.op("WITHIN") {
			break
		}
		if t.op("AND") {
			return nil, p.errorf(t, "AND needs something to look for on both sides")
		}
		q, err := p.unary(depth)
		if err != nil {
			return nil, err
		}
		if q != nil {
			parts = append(parts, q)
		}
		if p.peek().op("AND") {
			t := p.next()
			if n := p.peek(); n.kind == tokEnd || n.is(")") || n.operator() && !n.op("NOT") {
				return nil, p.errorf(t, "AND needs something to look for on both sides")
			}
		}
	}
	if t := p.peek(); t.op("WITHIN") {
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

func (p *parser) unary(depth int) (*pb.Query, error) {
	t := p.peek()
	switch {
	case t.op("NOT"):
		p.next()
		p.nested++
		defer func() { p.nested-- }()
		if depth > MaxDepth {
			return nil, p.errorf(t, "nested more than %d deep", MaxDepth)
		}
		if n := p.peek(); n.kind == tokEnd || n.is(")") || n.operator() && !n.op("NOT") {
			return nil, p.errorf(t, "NOT needs a term after NOT")
		}
		// NOT counts as a level, so that a chain of them ends.
		q, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return Not(q), nil
	case t.is("("):
		p.next()
		p.nested++
		defer func() { p.nested-- }()
		q, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.peek().is(")") {
			return nil, p.errorf(t, "a parenthesis is not closed")
		}
		p.next()
		if q == nil {
			return nil, p.errorf(t, "nothing between the parentheses")
		}
		return q, nil
	case t.kind == tokQuoted:
		p.next()
		l := &pb.Leaf{Kind: Bare, Text: t.text}
		return p.weighted(l)
	case t.kind == tokWord:
		n := p.ahead(1)
		if n.is(":") && n.glue || n.is("[") && n.glue {
			return p.named()
		}
		if n.is(">=") {
			return nil, p.bound()
		}
		return p.words()
	}
	return nil, p.errorf(t, "did not expect %.40q here", t.text)
}

// words takes a run of bare words as one leaf.
func (p *parser) words() (*pb.Query, error) {
	var ws []string
	for {
		t := p.peek()
		n := p.ahead(1)
		if t.kind != tokWord || t.operator() || n.is(":") && n.glue || n.is("[") && n.glue || n.is(">=") {
			break
		}
		ws = append(ws, t.text)
		p.next()
		// Commas and equals signs between words are only writing.
		for t := p.peek(); t.is(",") || t.is("="); t = p.peek() {
			p.next()
		}
	}
	return p.weighted(&pb.Leaf{Kind: Bare, Text: strings.Join(ws, " ")})
}

func (p *parser) weighted(l *pb.Leaf) (*pb.Query, error) {
	if t := p.peek(); t.is("^") {
		p.next()
		w, err := p.number("a weight such as 2 or 0.5")
		if err != nil {
			return nil, err
		}
		l.Weight = float32(w)
	}
	return leaf(l), nil
}

func (p *parser) number(want string) (float64, error) {
	t := p.next()
	v, err := strconv.ParseFloat(t.text, 32)
	if t.kind != tokWord || err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return 0, p.errorf(t, "want %s", want)
	}
	return v, nil
}

func (p *parser) duration() (int64, error) {
	t := p.next()
	f, ok := parseFlicks(t.text)
	if t.kind != tokWord || !ok {
		return 0, p.errorf(t, "want a time such as 5s, 500ms or 1m30s")
	}
	return f, nil
}

// parseFlicks reads a duration, or a count of flicks written as 123fl, exactly.
func parseFlicks(s string) (int64, bool) {
	if n, ok := strings.CutSuffix(s, "fl"); ok {
		v, err := strconv.ParseInt(n, 10, 64)
		return v, err == nil && v >= 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > 1000*time.Hour {
		return 0, false
	}
	// d < 2^52 ns, so the seconds and the rest are multiplied apart without overflow.
	sec, rest := int64(d/time.Second), int64(d%time.Second)
	return sec*flicksPerSecond + rest*flicksPerSecond/int64(time.Second), true
}

func printFlicks(f int64) string {
	// Whole milliseconds are written as a person would; anything else exactly.
	const perMilli = flicksPerSecond / 1000
	if f%perMilli == 0 && f/perMilli < int64(1000*time.Hour/time.Millisecond) {
		return (time.Duration(f/perMilli) * time.Millisecond).String()
	}
	return strconv.FormatInt(f, 10) + "fl"
}

func (p *parser) named() (*pb.Query, error) {
	head := p.next()
	name, mode, hasMode := strings.Cut(head.text, ".")
	if p.peek().is(":") && !hasMode {
		if set := p.filterField(name); set != nil {
			return nil, p.values(head, set)
		}
	}
	l := &pb.Leaf{Kind: p.lang.long(name)}
	if !kindName(l.Kind) {
		return nil, p.errorf(head, "%.70q is no name of a kind: small letters, digits and _", name)
	}
	if hasMode {
		m, ok := modes[mode]
		if !ok {
			return nil, p.errorf(head, "%.40q is no mode; there are words, phrase, fuzzy, prefix, meaning", mode)
		}
		l.Mode = m
	}
	if p.peek().is("[") {
		if err := p.attributes(l); err != nil {
			return nil, err
		}
	}
	if t := p.next(); !t.is(":") {
		return nil, p.errorf(t, "want a colon after %.70s", head.text)
	}
	if err := p.value(l); err != nil {
		return nil, err
	}
	return p.weighted(l)
}

func kindName(s string) bool {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// value reads what is looked for: words, a picture, or a place in an asset.
func (p *parser) value(l *pb.Leaf) error {
	t := p.next()
	switch {
	case t.kind == tokData:
		b, err := base64.StdEncoding.DecodeString(t.text)
		if err != nil {
			return p.errorf(t, "the picture is not base64")
		}
		l.Image = b
		return nil
	case t.kind != tokWord && t.kind != tokQuoted:
		return p.errorf(t, "want something to look for after the colon")
	case !placed(p.lang.shape(l.Kind)):
		l.Text = t.text
		return nil
	}
	// ASSET@PLACE, the place a timecode (whose colons the lexer split) or a time.
	place := t.text
	for n := p.peek(); t.kind == tokWord && n.glue && (n.is(":") || n.kind == tokWord); n = p.peek() {
		place += p.next().text
	}
	asset, at, ok := strings.Cut(place, "@")
	if !ok || asset == "" || at == "" {
		return p.errorf(t, "want ASSET@TIMECODE, for example 4f2a@01:02:03:04, or ASSET@TIME, for example 4f2a@1m2s")
	}
	l.Asset = asset
	if f, ok := parseFlicks(at); ok {
		l.Time = f
	} else {
		l.Timecode = at
	}
	return nil
}

func (p *parser) attributes(l *pb.Leaf) error {
	open := p.next()
	for {
		name := p.next()
		if name.kind != tokWord || !kindName(name.text) {
			return p.errorf(name, "want the name of an attribute")
		}
		if t := p.next(); !t.is("=") {
			return p.errorf(t, "want = after %.70s", name.text)
		}
		v, err := p.attribute()
		if err != nil {
			return err
		}
		if l.Attributes == nil {
			l.Attributes = map[string]*pb.Value{}
		}
		if _, twice := l.Attributes[name.text]; twice {
			return p.errorf(name, "%s is given twice", name.text)
		}
		l.Attributes[name.text] = v
		switch t := p.next(); {
		case t.is("]"):
			return nil
		case !t.is(","):
			return p.errorf(open, "a bracket is not closed")
		}
	}
}

func (p *parser) attribute() (*pb.Value, error) {
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
		list := &pb.StringList{}
		for !p.peek().is(")") {
			if len(list.Values) > 0 && !p.next().is(",") {
				return nil, p.errorf(t, "a list is written (\"a\",\"b\")")
			}
			v := p.next()
			if v.kind != tokQuoted {
				return nil, p.errorf(v, "want a text in quotation marks")
			}
			list.Values = append(list.Values, v.text)
		}
		p.next()
		return &pb.Value{Kind: &pb.Value_Texts{Texts: list}}, nil
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
	return nil, p.errorf(t, "want a number, true, false, or a text in quotation marks")
}

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

func (p *parser) bound() error {
	head := p.next()
	p.next() // >=
	if head.text != "confidence" {
		return p.errorf(head, "only confidence is compared with >=")
	}
	f, err := p.narrowing(head)
	if err != nil {
		return err
	}
	v, err := p.number("a number from 0 to 1")
	if err != nil {
		return err
	}
	if v > 1 {
		return p.errorf(head, "want a number from 0 to 1")
	}
	f.MinConfidence = float32(v)
	return nil
}
