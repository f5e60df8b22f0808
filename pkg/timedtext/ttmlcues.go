package timedtext

import (
	"strings"
)

// ttmlShown is the visibility and the region of an element's words.
type ttmlShown struct {
	hidden    bool // tts:display="none", which children cannot undo
	invisible bool // tts:visibility="hidden", which children can undo
	ruby      string
	region    interval
}

// A ttmlGroup is the words of a paragraph with the same time and the same speaker: a cue.
type ttmlGroup struct {
	at, own  interval
	agent    string
	lang     string
	line     int
	words    strings.Builder
	readings []string
	last     int // the last added piece of the paragraph
}

// ttmlParagraph gathers the groups of a paragraph, in the order of their first words.
type ttmlParagraph struct {
	node   *ttmlNode
	groups []*ttmlGroup
	byKey  map[ttmlKey]*ttmlGroup
	// pieces counts the pieces of text; lineBreak and space are the last piece with a line break or a space.
	pieces, lineBreak, space int
	reading                  *strings.Builder // the open ruby text
}

type ttmlKey struct {
	at    interval
	agent string
}

// block reads the paragraphs below an element.
func (d *ttmlDoc) block(n *ttmlNode, in ttmlShown) {
	if d.p.over != nil || n.broken {
		return
	}
	in = d.enter(n, in)
	for _, c := range n.children {
		switch c.kind {
		case ttmlBlock:
			d.block(c, in)
		case ttmlP, ttmlSpan: // a span outside a paragraph is an error, but the span's words are words
			d.paragraph(c, in)
		}
	}
}

// enter returns the state inside an element.
func (d *ttmlDoc) enter(n *ttmlNode, in ttmlShown) ttmlShown {
	s := d.resolvedStyle(n.style, 0)
	in.hidden = in.hidden || s.display == "none"
	if s.visibility != "" {
		in.invisible = s.visibility == "hidden"
	}
	if s.ruby != "" {
		in.ruby = s.ruby
	}
	if r := d.regions[n.in.region]; r != nil {
		in.region = r.active
		style := d.resolvedStyle(r.style, 0)
		in.hidden = in.hidden || style.display == "none"
	}
	return in
}

func (d *ttmlDoc) paragraph(n *ttmlNode, in ttmlShown) {
	if n.broken {
		return
	}
	par := &ttmlParagraph{node: n, byKey: map[ttmlKey]*ttmlGroup{}}
	hidden := d.hidden
	d.inline(par, n, in)
	empty := d.hidden == hidden
	for _, g := range par.groups {
		if strings.TrimSpace(g.words.String()) == "" && len(g.readings) == 0 {
			continue
		}
		empty = false
		d.emit(g)
	}
	if empty {
		d.p.bad(n.line, "has no words")
	}
}

// inline reads the words of a paragraph or a span.
func (d *ttmlDoc) inline(par *ttmlParagraph, n *ttmlNode, in ttmlShown) {
	if n.broken {
		return
	}
	in = d.enter(n, in)
	if n.kind == ttmlSpan && in.ruby == "text" && par.reading == nil {
		par.reading = &strings.Builder{}
		defer func() {
			if reading := tidy(par.reading.String()); reading != "" {
				g := d.group(par, n, in)
				g.readings = append(g.readings, reading)
			}
			par.reading = nil
		}()
	}
	if in.ruby == "delimiter" {
		return
	}
	for _, c := range n.children {
		switch c.kind {
		case ttmlSpan, ttmlP:
			d.inline(par, c, in)
		case ttmlBreak:
			par.pieces++
			par.lineBreak = par.pieces
		case ttmlWords:
			d.piece(par, n, c.text, in)
		}
	}
}

// piece adds words to the group of their element.
func (d *ttmlDoc) piece(par *ttmlParagraph, n *ttmlNode, text string, in ttmlShown) {
	if par.reading != nil {
		par.reading.WriteString(text)
		return
	}
	if strings.TrimSpace(text) == "" {
		par.pieces++
		par.space = par.pieces
		if strings.Contains(text, "\n") { // xml:space="preserve"
			par.lineBreak = par.pieces
		}
		return
	}
	if in.hidden || in.invisible {
		d.hidden++
		return
	}
	g := d.group(par, n, in)
	switch {
	case g.words.Len() == 0:
	case par.lineBreak > g.last:
		g.words.WriteByte('\n')
	case par.space > g.last, par.pieces > g.last: // white space, or the words of another group
		g.words.WriteByte(' ')
	}
	g.words.WriteString(text)
	par.pieces++
	g.last = par.pieces
}

// group returns the group of an element's words.
func (d *ttmlDoc) group(par *ttmlParagraph, n *ttmlNode, in ttmlShown) *ttmlGroup {
	at := n.active.within(in.region)
	key := ttmlKey{at, n.in.agent}
	g := par.byKey[key]
	if g == nil {
		g = &ttmlGroup{at: at, own: n.own, agent: n.in.agent, lang: n.in.lang, line: n.line}
		par.byKey[key] = g
		par.groups = append(par.groups, g)
	}
	if g.lang != n.in.lang { // words of another language in a cue: use the paragraph's language
		g.lang = par.node.in.lang
	}
	return g
}

// emit makes the cues of a group, a cue for each speaker.
func (d *ttmlDoc) emit(g *ttmlGroup) {
	if len(d.cues) > maxCues {
		d.p.over = tooManyCues()
		return
	}
	switch _, known := d.p.filmEnd(); {
	case g.own.start >= forever:
		d.p.bad(g.line, "is never shown: an element before it in its sequence has no end")
		return
	case g.at.empty() && !g.own.empty():
		d.p.bad(g.line, "is never shown: it begins at %s, when its parent, its region or the sequence before it leaves it no time", g.own.start)
		return
	case g.at.end >= forever && !known:
		d.p.bad(g.line, "has no end, and the length of the film is not known")
		return
	}
	var speaker []string
	for _, id := range strings.Fields(g.agent) {
		if names := d.agents[id]; names != nil && names.name() != "" {
			speaker = append(speaker, names.name())
		}
	}
	c := labelled{g.line, Cue{
		Start: g.at.start, End: g.at.end, Text: g.words.String(),
		Speaker: strings.Join(speaker, ", "), Language: g.lang, Readings: g.readings,
	}}
	d.cues = append(d.cues, c)
}
