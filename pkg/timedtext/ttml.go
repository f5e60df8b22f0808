package timedtext

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A ttmlKind is the role of a TTML element.
type ttmlKind uint8

const (
	ttmlOther ttmlKind = iota // metadata, animation, elements of other vocabularies: no speech
	ttmlHead                  // head, styling and layout: no speech, but styles and regions
	ttmlBlock                 // tt, body and div
	ttmlP
	ttmlSpan
	ttmlBreak
	ttmlWords // character data
	ttmlPicture
	ttmlRegion
	ttmlStyle
	ttmlAgent
	ttmlName
	ttmlProgramme // EBU-TT's start of programme
)

var ttmlKinds = map[string]ttmlKind{
	"tt": ttmlBlock, "body": ttmlBlock, "div": ttmlBlock, "p": ttmlP, "span": ttmlSpan, "br": ttmlBreak, "image": ttmlPicture,
	"head": ttmlHead, "styling": ttmlHead, "layout": ttmlHead, "region": ttmlRegion, "style": ttmlStyle,
}

// ttmlNode is an element, or words between elements.
type ttmlNode struct {
	kind     ttmlKind
	line     int
	text     string // of words; the type of a name
	style    *ttmlStyling
	times    *ttmlTiming
	in       *ttmlInherited
	children []*ttmlNode

	// active is the time during which the element is shown: own, cut to the parent's time. own is the time of the
	// element in a parent without end. With broken, a time cannot be read.
	active, own interval
	broken      bool
}

// ttmlInherited holds the inherited and set attributes of an element. Elements without such attributes share the
// parent's value.
type ttmlInherited struct {
	region, agent string // ids
	lang          string
	preserve      bool
}

// ttmlDoc is a document during the reading.
type ttmlDoc struct {
	p         *parser
	clock     ttmlClock
	root      *ttmlNode
	styles    map[string]*ttmlStyling
	regions   map[string]*ttmlNode
	agents    map[string]ttmlAgentNames
	programme string
	pictures  int
	hidden    int
	// plain and untimed are shared by all elements without attributes of style or time.
	plain   ttmlStyling
	untimed ttmlTiming
	cues    []labelled
}

// maxDepth bounds the nesting of TTML's elements: body, div, p and a few spans.
const maxDepth = 32

// ttml reads a document: TTML1, TTML2 and their profiles (IMSC, EBU-TT, SMPTE-TT, iTunes Timed Text, DFXP).
func (p *parser) ttml(text string) error {
	d := &ttmlDoc{p: p, styles: map[string]*ttmlStyling{}, regions: map[string]*ttmlNode{}, agents: map[string]ttmlAgentNames{}}
	if err := d.parse(text); err != nil {
		return err
	}
	for _, r := range d.regions {
		d.resolve(r, 0, 0, forever)
	}
	d.resolve(d.root, 0, 0, forever)
	d.block(d.root, ttmlShown{region: interval{0, forever}})
	if d.hidden > 0 {
		p.note("%d paragraphs or spans are not displayed (tts:display or tts:visibility) and were left out", d.hidden)
	}
	if d.pictures > 0 {
		if len(d.cues) == 0 {
			return errkind.New(errkind.Invalid, "the TTML shows pictures of words (%d, image profile), and pictures are not read", d.pictures)
		}
		p.note("%d subtitles are pictures of words, and pictures are not read", d.pictures)
	}
	d.languages()
	d.place()
	slices.SortStableFunc(p.out.Bad, func(a, b BadCue) int { return cmp.Compare(a.Line, b.Line) })
	return nil
}

// parse builds the tree of elements.
func (d *ttmlDoc) parse(text string) error {
	x := xml.NewDecoder(strings.NewReader(text))
	x.Strict, x.Entity = false, xml.HTMLEntity
	// The text is UTF-8 at this point, whatever encoding the first line declares.
	x.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var open []*ttmlNode
	for {
		token, err := x.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := x.InputPos()
		if err != nil {
			d.p.bad(line, "cannot be read as XML: %v", err)
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) >= maxDepth {
				return errkind.New(errkind.Invalid, "the TTML is nested deeper than %d", maxDepth)
			}
			var parent *ttmlNode
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			n := d.element(t, parent)
			n.line = line
			if parent != nil && n.kind != ttmlOther {
				parent.children = append(parent.children, n)
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case xml.CharData:
			if len(open) > 0 {
				d.words(open[len(open)-1], string(t), line)
			}
		}
	}
	if d.root == nil {
		return errkind.New(errkind.Invalid, "the text is not TTML: it has no tt element")
	}
	return nil
}

// element makes the node of an element, with the inherited attributes.
func (d *ttmlDoc) element(t xml.StartElement, parent *ttmlNode) *ttmlNode {
	n := &ttmlNode{kind: ttmlKinds[t.Name.Local], style: &d.plain, times: &d.untimed}
	if parent != nil {
		n.in = parent.in
	} else {
		n.in = &ttmlInherited{}
	}
	if !isTTML(t.Name.Space) || parent != nil && parent.kind == ttmlOther || parent == nil && t.Name.Local != "tt" {
		n.kind = ttmlOther
	}
	switch {
	case t.Name.Local == "agent":
		n.kind, n.in = ttmlAgent, &ttmlInherited{agent: attribute(t, xmlNS, "id")}
		return n
	case t.Name.Local == "name" && parent != nil && parent.kind == ttmlAgent:
		n.kind, n.text = ttmlName, attribute(t, "", "type")
		return n
	case t.Name.Local == "documentStartOfProgramme":
		n.kind = ttmlProgramme
		return n
	case n.kind == ttmlOther:
		return n
	}
	if parent == nil {
		d.root = n
		d.clock = d.parameters(t)
		d.p.out.Language = languageOf(attribute(t, xmlNS, "lang"))
	}
	n.inherit(t)
	if s := styling(t); s != d.plain || n.kind == ttmlRegion || n.kind == ttmlStyle {
		n.style = &s
	}
	if times := timing(t); times != d.untimed {
		n.times = &times
	}
	id := attribute(t, xmlNS, "id")
	switch n.kind {
	case ttmlStyle:
		if parent != nil && parent.kind == ttmlRegion {
			parent.style.under(*n.style)
		} else {
			d.styles[id] = n.style
		}
	case ttmlRegion:
		if id != "" {
			d.regions[id] = n
		}
	case ttmlPicture:
		d.pictures++
	}
	if attribute(t, "smpte-tt", "backgroundImage") != "" {
		d.pictures++
	}
	return n
}

// inherit sets the children's inherited attributes from an element's own attributes.
func (n *ttmlNode) inherit(t xml.StartElement) {
	in := *n.in
	if v := attribute(t, "", "region"); v != "" {
		in.region = v
	}
	if v := attribute(t, metadataNS, "agent"); v != "" {
		in.agent = v
	}
	for _, a := range t.Attr {
		if a.Name.Local == "lang" && isNS(a.Name.Space, xmlNS) {
			in.lang = languageOf(a.Value)
		}
	}
	switch attribute(t, xmlNS, "space") {
	case "preserve":
		in.preserve = true
	case "default":
		in.preserve = false
	}
	if in != *n.in {
		n.in = &in
	}
}

// words keeps character data: possible speech, a name or a label.
func (d *ttmlDoc) words(parent *ttmlNode, text string, line int) {
	switch parent.kind {
	case ttmlP, ttmlSpan:
		if !parent.in.preserve {
			text = lineEnds.Replace(text)
		}
		parent.children = append(parent.children, &ttmlNode{kind: ttmlWords, line: line, text: text})
	case ttmlBlock:
		if strings.TrimSpace(text) != "" {
			d.p.bad(line, "has words outside a paragraph: %q", clip(strings.TrimSpace(text)))
		}
	case ttmlName:
		names := d.agents[parent.in.agent]
		if names == nil {
			names = ttmlAgentNames{}
			d.agents[parent.in.agent] = names
		}
		names[parent.text] += text
	case ttmlProgramme:
		d.programme += strings.TrimSpace(text)
	}
}

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")

// ttmlAgentNames are the names of an agent, by type (TTML1 section 12.1.6).
type ttmlAgentNames map[string]string

// name returns the most complete of the agent's names.
func (a ttmlAgentNames) name() string {
	if given, family := tidy(a["given"]), tidy(a["family"]); given != "" && family != "" && a["full"] == "" {
		return given + " " + family
	}
	for _, kind := range []string{"full", "given", "family", "", "other", "alias"} {
		if n := tidy(a[kind]); n != "" {
			return strings.ReplaceAll(n, "\n", " ")
		}
	}
	return ""
}

// The ends of the namespaces of attributes, in all versions of TTML.
const (
	xmlNS       = "xml"
	parameterNS = "#parameter"
	stylingNS   = "#styl" // "#styling", and "#style" in the drafts
	metadataNS  = "#metadata"
)

var ttmlPrefixes = map[string]string{parameterNS: "ttp", stylingNS: "tts", metadataNS: "ttm"}

// isTTML reports whether elements of a namespace are TTML's own: the final namespace, a namespace of the drafts of 2006, or none.
func isTTML(space string) bool {
	return space == "" || space == "tt" || (strings.Contains(space, "/ttml") || strings.Contains(space, "/ttaf1")) && !strings.Contains(space, "#")
}

func isNS(space, ns string) bool {
	if ns == xmlNS {
		return space == "xml" || space == "http://www.w3.org/XML/1998/namespace"
	}
	// An undeclared prefix is accepted by its usual name.
	return space == "" || strings.Contains(space, ns) || space == ttmlPrefixes[ns]
}

// attribute returns the value of an attribute of a namespace; "" for none.
func attribute(t xml.StartElement, ns, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name && (ns == "" && a.Name.Space == "" || ns != "" && isNS(a.Name.Space, ns)) {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

func languageOf(tag string) string {
	canonical, err := schema.CanonicalLanguage(tag)
	if err != nil || strings.EqualFold(tag, "und") {
		return ""
	}
	return canonical
}

// ttmlStyling is the part of an element's style for deciding which text is speech.
type ttmlStyling struct {
	refs                      string
	ruby, display, visibility string
	resolved                  bool
}

func timing(t xml.StartElement) ttmlTiming {
	return ttmlTiming{
		begin: attribute(t, "", "begin"), end: attribute(t, "", "end"), dur: attribute(t, "", "dur"),
		seq: attribute(t, "", "timeContainer") == "seq",
	}
}

func styling(t xml.StartElement) ttmlStyling {
	return ttmlStyling{
		refs: attribute(t, "", "style"), ruby: attribute(t, stylingNS, "ruby"),
		display: attribute(t, stylingNS, "display"), visibility: attribute(t, stylingNS, "visibility"),
	}
}

// under fills the unset fields of s from other.
func (s *ttmlStyling) under(other ttmlStyling) {
	if s.ruby == "" {
		s.ruby = other.ruby
	}
	if s.display == "" {
		s.display = other.display
	}
	if s.visibility == "" {
		s.visibility = other.visibility
	}
}

// resolvedStyle resolves the styles referenced by s. The last of several references wins. Each style is resolved once,
// and a style with a reference to itself adds nothing.
func (d *ttmlDoc) resolvedStyle(s *ttmlStyling, depth int) *ttmlStyling {
	if s.resolved || depth > maxDepth {
		return s
	}
	s.resolved = true
	refs := strings.Fields(s.refs)
	for _, id := range slices.Backward(refs) {
		if other := d.styles[id]; other != nil {
			s.under(*d.resolvedStyle(other, depth+1))
		}
	}
	return s
}

// languages moves a language shared by all cues from the cues to the track.
func (d *ttmlDoc) languages() {
	shared := true
	for _, c := range d.cues {
		shared = shared && c.Language == d.cues[0].Language
	}
	if !shared || len(d.cues) == 0 {
		return
	}
	d.p.out.Language = d.cues[0].Language
	for i := range d.cues {
		d.cues[i].Language = ""
	}
}
