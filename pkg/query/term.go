package query

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// flicksPerSecond is exact as a ratio: 705,600,000 flicks are 1,000,000,000 ns.
const flicksPerSecond = 705_600_000

// modes by name. The name "exact" stands for words, too.
var modes = map[string]pb.TextMode{
	"words": pb.TextMode_TEXT_MODE_WORDS, "phrase": pb.TextMode_TEXT_MODE_PHRASE, "fuzzy": pb.TextMode_TEXT_MODE_FUZZY,
	"prefix": pb.TextMode_TEXT_MODE_PREFIX, "meaning": pb.TextMode_TEXT_MODE_MEANING,
}

const exact = "exact"

func modeNames() []string { return []string{"words", exact, "phrase", "fuzzy", "prefix", "meaning"} }

// words reads a run of bare words as one leaf.
func (p *parser) words(depth int) (*pb.Query, error) {
	var ws []string
	for {
		if p.dashed() && len(ws) > 0 {
			q, err := p.negative(depth)
			if err != nil {
				return nil, err
			}
			p.minus = append(p.minus, q)
			continue
		}
		t := p.peek()
		if t.kind != tokWord || p.names() || p.operator() || p.ahead(1).compares() {
			break
		}
		ws = append(ws, t.text)
		p.next()
		// Commas and equals signs between words are only writing.
		for t := p.peek(); t.is(",") && !p.listed || t.is("="); t = p.peek() {
			p.next()
		}
	}
	return p.weighted(bare(ws))
}

// bare makes a leaf of bare words. A star behind the last word makes the word a beginning, and a tilde allows wrong letters.
func bare(ws []string) *pb.Leaf {
	l := &pb.Leaf{Kind: Bare, Text: strings.Join(ws, " ")}
	suffixed(l)
	return l
}

// suffixed takes a star or a tilde from the end of unquoted words as the mode of the leaf.
func suffixed(l *pb.Leaf) {
	if l.GetMode() != pb.TextMode_TEXT_MODE_UNSPECIFIED {
		return
	}
	for suffix, mode := range map[string]pb.TextMode{"*": pb.TextMode_TEXT_MODE_PREFIX, "~": pb.TextMode_TEXT_MODE_FUZZY} {
		if text, ok := strings.CutSuffix(l.GetText(), suffix); ok && hasWord(text) {
			l.Text, l.Mode = text, mode
			return
		}
	}
}

// hasWord reports whether the last word of a text has a letter or a number.
func hasWord(s string) bool {
	ws := strings.Fields(s)
	return len(ws) > 0 && strings.HasSuffix(s, ws[len(ws)-1]) && hasLetter(ws[len(ws)-1])
}

// apart reads ~3 behind a phrase: so many words may stand between the words of the phrase.
func (p *parser) apart(l *pb.Leaf) error {
	t := p.peek()
	if t.kind != tokWord || !t.glue || !strings.HasPrefix(t.text, "~") {
		return nil
	}
	p.next()
	n, err := strconv.ParseInt(t.text[1:], 10, 32)
	if err != nil || n < 0 || n > MaxSlop {
		return p.errorf(t, `want a number from 0 to %d behind ~, as in "good boy"~3`, MaxSlop)
	}
	switch l.GetMode() {
	case pb.TextMode_TEXT_MODE_UNSPECIFIED, pb.TextMode_TEXT_MODE_PHRASE:
		l.Mode, l.Slop = pb.TextMode_TEXT_MODE_PHRASE, int32(n)
		return nil
	}
	return p.errorf(t, "only a phrase takes ~ and a number")
}

func (p *parser) weighted(l *pb.Leaf) (*pb.Query, error) {
	if t := p.peek(); t.is("^") {
		p.next()
		w, err := p.number("a weight such as 2 or 0.5")
		if err != nil {
			return nil, err
		}
		l.Weight = w
	}
	return Leaf(l), nil
}

// number reads a number of 0 or more.
func (p *parser) number(want string) (float32, error) {
	t := p.next()
	v, err := strconv.ParseFloat(t.text, 32)
	if t.kind != tokWord || err != nil || math.IsInf(v, 0) || negative(float32(v)) {
		return 0, p.errorf(t, "want %s", want)
	}
	return float32(v), nil
}

// share reads a number from 0 to 1.
func (p *parser) share(want string) (float32, error) {
	t := p.peek()
	v, err := p.number(want)
	if err == nil && v > 1 {
		err = p.errorf(t, "want %s", want)
	}
	return v, err
}

// bounded reads a number of either sign.
func (p *parser) bounded() (float64, error) {
	t := p.next()
	v, ok := parseNumber(t.text)
	if t.kind != tokWord || !ok {
		return 0, p.errorf(t, "want a number such as 2 or -0.5")
	}
	return v, nil
}

func parseNumber(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
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

// named reads a leaf with a name, or a filter.
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
		return nil, p.misnamed(head, name)
	}
	if err := p.lang.unknown(name); err != nil {
		return nil, p.errorf(head, "%v", err)
	}
	if hasMode {
		m, ok := modes[mode]
		if mode == exact {
			m, ok = pb.TextMode_TEXT_MODE_WORDS, true
		}
		if !ok {
			return nil, p.errorf(head, "%.40q is no mode; there are %s%s", mode, strings.Join(modeNames(), ", "), meant(mode, modeNames()))
		}
		l.Mode = m
	}
	if p.peek().is("[") {
		if err := p.brackets(l); err != nil {
			return nil, err
		}
	}
	if p.peek().compares() {
		if err := p.compared(head, l); err != nil {
			return nil, err
		}
		return p.weighted(l)
	}
	if t := p.next(); !t.is(":") {
		return nil, p.errorf(t, "want a colon after %.70s", head.text)
	}
	if err := p.value(l); err != nil {
		return nil, err
	}
	return p.weighted(l)
}

// misnamed is the error of a name with other characters than a name may have.
func (p *parser) misnamed(head token, name string) error {
	if known := slices.Concat(p.known(), filterNames); slices.Contains(known, strings.ToLower(name)) {
		return p.errorf(head, "%.70q is no name of a kind; did you mean %s:?", name, strings.ToLower(name))
	}
	if c := p.clock(p.i - 1); c != "" {
		return p.errorf(head, "a timecode belongs to an asset; write frame:ASSET@%s, or time:10s.. for a span of each asset", c)
	}
	return p.errorf(head, "%.70q is no name of a kind: small letters, digits and _", name)
}

func (p *parser) known() []string {
	if p.lang.Names == nil {
		return nil
	}
	return p.lang.Names.Names()
}

// clock returns the timecode at a token; "" where none does.
func (p *parser) clock(i int) string {
	var text string
	for ; i < len(p.toks) && (text == "" || p.toks[i].glue) && (p.toks[i].kind == tokWord || p.toks[i].is(":")) && len(text) < 16; i++ {
		text += p.toks[i].text
	}
	shape := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return '9'
		case r == ';' || r == '.':
			return ':'
		}
		return r
	}, text)
	if shape == "99:99:99:99" {
		return text
	}
	return ""
}

func kindName(s string) bool {
	for i, r := range s {
		if !(r >= 'a' && r <= 'z' || i > 0 && (r >= '0' && r <= '9' || r == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// compared reads >= or <= and a number behind the name of a leaf of numbers.
func (p *parser) compared(head token, l *pb.Leaf) error {
	if p.lang.shape(l.GetKind()) != pb.LeafShape_LEAF_SHAPE_RANGE {
		return p.errorf(head, "%.70s takes no numbers; only confidence, and leaves of numbers, are compared", head.text)
	}
	sign := p.next()
	v, err := p.bounded()
	if err != nil {
		return err
	}
	l.Range = &pb.NumberRange{}
	if sign.is(">=") {
		l.Range.Min = &v
	} else {
		l.Range.Max = &v
	}
	return nil
}

// parseRange reads 2..5, 2.. or ..5.
func parseRange(s string) (*pb.NumberRange, bool) {
	from, to, ok := strings.Cut(s, "..")
	if !ok || from == "" && to == "" {
		return nil, false
	}
	r := &pb.NumberRange{}
	for _, bound := range []struct {
		text string
		to   **float64
	}{{from, &r.Min}, {to, &r.Max}} {
		if bound.text == "" {
			continue
		}
		v, ok := parseNumber(bound.text)
		if !ok {
			return nil, false
		}
		*bound.to = &v
	}
	return r, true
}

// value reads the value of a leaf: words, a picture, numbers, or a place in an asset.
func (p *parser) value(l *pb.Leaf) error {
	t := p.next()
	shape := p.lang.shape(l.Kind)
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
	case shape == pb.LeafShape_LEAF_SHAPE_RANGE:
		r, ok := parseRange(t.text)
		if !ok || t.kind != tokWord {
			return p.errorf(t, "want numbers, as in %s:-20..-10 or %s>=-20", l.GetKind(), l.GetKind())
		}
		l.Range = r
		return nil
	case placed(shape):
		var err error
		l.Asset, l.Timecode, l.Time, err = p.place(t)
		return err
	case t.kind == tokQuoted:
		l.Text = t.text
		return p.apart(l)
	}
	l.Text = t.text
	suffixed(l)
	return nil
}

// place reads ASSET@PLACE, where PLACE is a timecode (whose colons the lexer split) or a time in flicks.
func (p *parser) place(t token) (asset, timecode string, flicks int64, err error) {
	place := t.text
	for n := p.peek(); t.kind == tokWord && n.glue && (n.is(":") || n.kind == tokWord); n = p.peek() {
		place += p.next().text
	}
	asset, at, ok := strings.Cut(place, "@")
	if !ok || asset == "" || at == "" {
		return "", "", 0, p.errorf(t, "want ASSET@TIMECODE, for example 4f2a@01:02:03:04, or ASSET@TIME, for example 4f2a@1m2s")
	}
	if f, ok := parseFlicks(at); ok {
		return asset, "", f, nil
	}
	return asset, at, 0, nil
}
