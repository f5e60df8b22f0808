package timedtext

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// ErrTooLarge marks a text over a limit. Its kind is Invalid.
var ErrTooLarge = errkind.New(errkind.Invalid, "over the limit of size")

// A Cue is one piece of timed text, on the asset's clock (0 is the start of its
// first frame). Text has no markup; its lines are divided by "\n".
type Cue struct {
	Start, End schema.Time
	Text       string
	// Speaker is who says it, where the file says so beyond doubt: a WebVTT voice, a
	// TTML agent, or a name in capitals before a colon.
	Speaker string
}

// A BadCue is one that was left out. Line counts from 1; for STL it is the block.
type BadCue struct {
	Line   int
	Reason string
}

// Track is a parsed text track.
type Track struct {
	// Format is "srt", "webvtt", "ttml" or "stl".
	Format string
	// Encoding is what the bytes were in, by its WHATWG name ("utf-8", "windows-1251", ...).
	Encoding string
	// Language is what the file says of itself, as BCP 47; mostly nothing.
	Language string
	// Cues are in order of their start.
	Cues []Cue
	Bad  []BadCue
}

// Options say what is known of a text before it is read.
type Options struct {
	// Format as in Track, or a usual file extension; empty: by Name, then by content.
	Format string
	Name   string
	// Language helps to tell legacy encodings apart.
	Language string
	// Rate and StartTimecode of the asset: for formats that count frames or carry labels.
	Rate          schema.Rate
	StartTimecode string
}

// Bounds of a text track: far above any film's, and small beside what a hostile one could ask for.
const (
	MaxBytes    = 16 << 20
	maxCues     = 50_000  // 24 hours with a cue every two seconds
	maxCueText  = 8 << 10 // bytes of one cue
	maxCuesText = 8 << 20 // bytes of all cues
	maxLines    = 400_000 // of SRT and WebVTT
	maxMarkup   = 400_000 // tags of TTML, and attributes
	maxBad      = 1000    // cues that are named; the others are counted
)

// Parse reads a timed text in any of its formats and encodings. A cue that is
// wrong is left out and named in Bad. What makes the whole useless, every cue
// being wrong among it, is an error of kind Invalid. A text over a limit is refused
// as a whole, with the limit: no text is cut.
//
// SRT, WebVTT and TTML are parsed here, since go-astisub gives up a file at its
// first bad cue and rounds frames and ticks to nanoseconds. The character tables
// of STL are its own.
func Parse(data []byte, opts Options) (*Track, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errkind.New(errkind.Invalid, "the text is empty")
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("the text has %d bytes, and at most %d are taken: %w", len(data), MaxBytes, ErrTooLarge)
	}
	t := &Track{}
	p := &parser{out: t, opts: opts}
	if isSTL(data) {
		t.Format = "stl"
		if err := p.stl(data); err != nil {
			return nil, err
		}
		return p.finish()
	}
	text, encoding, err := decodeText(data, opts.Language)
	if err != nil {
		return nil, err
	}
	t.Encoding = encoding
	if t.Format, err = textFormat(text, opts); err != nil {
		return nil, err
	}
	if err := boundedMarkup(text, t.Format); err != nil {
		return nil, err
	}
	switch t.Format {
	case "webvtt":
		p.webvtt(text)
	case "ttml":
		err = p.ttml(text)
	case "srt":
		p.srt(text)
	default:
		err = errkind.New(errkind.Invalid, "the text says it is STL, but has no STL header")
	}
	if err != nil {
		return nil, err
	}
	return p.finish()
}

var textFormats = map[string]string{
	"srt": "srt", "subrip": "srt", "vtt": "webvtt", "webvtt": "webvtt",
	"ttml": "ttml", "dfxp": "ttml", "xml": "ttml", "itt": "ttml", "imsc": "ttml", "stl": "stl",
}

// textFormat trusts a signature first, then what it was told, then the name, then the looks.
func textFormat(text string, opts Options) (string, error) {
	start := strings.TrimSpace(text[:min(len(text), 4096)])
	switch {
	case strings.HasPrefix(start, "WEBVTT"):
		return "webvtt", nil
	case strings.HasPrefix(start, "<") && strings.Contains(start, "http://www.w3.org/ns/ttml"):
		return "ttml", nil
	}
	if opts.Format != "" {
		if f := textFormats[strings.ToLower(opts.Format)]; f != "" {
			return f, nil
		}
		return "", errkind.New(errkind.Invalid, "text format %q is not one of srt, webvtt, ttml, stl", opts.Format)
	}
	if f := textFormats[strings.ToLower(strings.TrimPrefix(path.Ext(opts.Name), "."))]; f != "" {
		return f, nil
	}
	switch {
	case strings.HasPrefix(start, "<"):
		return "ttml", nil
	case strings.Contains(text, "-->"):
		return "srt", nil
	}
	return "", errkind.New(errkind.Invalid, "the text is not SRT, WebVTT, TTML or STL")
}

// boundedMarkup counts what a parser allocates for before the parser begins.
func boundedMarkup(text, format string) error {
	count := func(what, s string, most int) error {
		if n := strings.Count(text, s); n > most {
			return fmt.Errorf("the text has %d %s, and at most %d are taken: %w", n, what, most, ErrTooLarge)
		}
		return nil
	}
	if format == "ttml" {
		return cmp.Or(count("tags", "<", maxMarkup), count("attributes", "=", maxMarkup))
	}
	return cmp.Or(count("lines", "\n", maxLines), count("lines", "\r", maxLines))
}

type parser struct {
	out  *Track
	opts Options
	// text is the bytes of all cues; more is the bad cues that are counted only.
	text, more int
	// over says which limit the text is over.
	over error
}

func (p *parser) bad(line int, format string, args ...any) {
	if len(p.out.Bad) < maxBad {
		p.out.Bad = append(p.out.Bad, BadCue{line, fmt.Sprintf(format, args...)})
		return
	}
	p.more++
}

// add takes a cue over unless something is wrong with it.
func (p *parser) add(line int, c Cue) {
	if p.over != nil {
		return
	}
	if len(c.Text) > 2*maxCueText { // before any work is done on it
		p.bad(line, "has more than %d bytes", maxCueText)
		return
	}
	c.Text = tidy(c.Text)
	if c.Speaker == "" {
		c.Speaker, c.Text = speakerBefore(c.Text)
	}
	c.Text = withoutDashes(c.Text)
	switch {
	case c.Start < 0:
		p.bad(line, "starts before the film")
	case c.End < c.Start:
		p.bad(line, "ends at %s, before it starts at %s", c.End, c.Start)
	case c.End == c.Start:
		p.bad(line, "ends as it starts, at %s", c.Start)
	case c.Text == "":
		p.bad(line, "has no words")
	case len(c.Text) > maxCueText:
		p.bad(line, "has more than %d bytes", maxCueText)
	case len(p.out.Cues) >= maxCues:
		p.over = fmt.Errorf("the text has more than the %d cues that are taken: %w", maxCues, ErrTooLarge)
	case p.text+len(c.Text) > maxCuesText:
		p.over = fmt.Errorf("the text's cues have more than the %d bytes that are taken: %w", maxCuesText, ErrTooLarge)
	default:
		p.text += len(c.Text)
		p.out.Cues = append(p.out.Cues, c)
	}
}

func (p *parser) finish() (*Track, error) {
	if p.more > 0 {
		last := &p.out.Bad[len(p.out.Bad)-1]
		last.Reason += fmt.Sprintf("; %d more cues are wrong", p.more)
	}
	switch t := p.out; {
	case p.over != nil:
		return nil, p.over
	case len(t.Cues) > 0:
		slices.SortStableFunc(t.Cues, func(a, b Cue) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		return t, nil
	case len(t.Bad) > 0:
		return nil, errkind.New(errkind.Invalid, "none of the text's cues can be used; the first, at line %d, %s", t.Bad[0].Line, t.Bad[0].Reason)
	default:
		return nil, errkind.New(errkind.Invalid, "the text has no cues")
	}
}

// lines splits at every kind of line end.
func lines(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

// block is what lies between two blank lines.
type block struct {
	line  int // of its first line, from 1
	lines []string
}

func blocks(text string) []block {
	var out []block
	open := false
	for i, l := range lines(text) {
		if strings.TrimSpace(l) == "" {
			open = false
			continue
		}
		if !open {
			out = append(out, block{line: i + 1})
			open = true
		}
		last := &out[len(out)-1]
		last.lines = append(last.lines, l)
	}
	return out
}

// timing finds the line with the arrow; -1 for none.
func (b block) timing() int {
	return slices.IndexFunc(b.lines, func(l string) bool { return strings.Contains(l, "-->") })
}

func (p *parser) srt(text string) {
	all := blocks(text)
	for i := 0; i < len(all); i++ {
		b := all[i]
		at := b.timing()
		if at < 0 {
			continue // a stray number, or a heading
		}
		words := slices.Clip(b.lines[at+1:])
		// A blank line inside a cue is not the format's, but common: what follows
		// belongs to the cue before while no timing is in it.
		for i+1 < len(all) && all[i+1].timing() < 0 && !isNumber(all[i+1].lines[0]) {
			i++
			words = append(words, all[i].lines...)
		}
		start, end, err := arrow(b.lines[at])
		if err != nil {
			p.bad(b.line+at, "%s", err)
			continue
		}
		p.add(b.line+at, Cue{Start: start, End: end, Text: plain(strings.Join(words, "\n"))})
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	return err == nil
}

// exactHeader begins the WebVTT that we write: the ids of its cues are then their
// times in flicks, which milliseconds cannot hold.
const exactHeader = "WEBVTT cinedex-flicks"

func (p *parser) webvtt(text string) {
	exact := strings.HasPrefix(strings.TrimSpace(text), exactHeader)
	for _, b := range blocks(text) {
		at := b.timing()
		if at < 0 {
			continue // the header, a note, a style
		}
		if first := b.lines[0]; strings.HasPrefix(first, "NOTE") || strings.HasPrefix(first, "STYLE") || strings.HasPrefix(first, "REGION") {
			continue
		}
		start, end, err := arrow(b.lines[at])
		if exact && at > 0 {
			if s, e, ok := exactTimes(b.lines[at-1]); ok {
				start, end, err = s, e, nil
			}
		}
		if err != nil {
			p.bad(b.line+at, "%s", err)
			continue
		}
		words := strings.Join(b.lines[at+1:], "\n")
		p.add(b.line+at, Cue{Start: start, End: end, Text: plain(words), Speaker: voice(words)})
	}
}

func exactTimes(id string) (start, end schema.Time, ok bool) {
	a, b, _ := strings.Cut(strings.TrimSpace(id), "-")
	s, errS := strconv.ParseInt(a, 10, 64)
	e, errE := strconv.ParseInt(b, 10, 64)
	return schema.Time(s), schema.Time(e), errS == nil && errE == nil
}

// arrow reads "00:00:01,000 --> 00:00:02,000", with whatever settings follow.
func arrow(line string) (start, end schema.Time, err error) {
	a, b, _ := strings.Cut(line, "-->")
	fields := strings.Fields(b)
	if len(fields) == 0 {
		return 0, 0, fmt.Errorf("has no end")
	}
	if start, err = clockTime(strings.TrimSpace(a)); err != nil {
		return 0, 0, err
	}
	end, err = clockTime(fields[0])
	return start, end, err
}

// clockTime reads "hh:mm:ss,mmm" or "mm:ss.mmm"; hours may pass 99.
func clockTime(s string) (schema.Time, error) {
	bad := fmt.Errorf("has a time that cannot be read: %q", clip(s))
	whole, fraction, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, bad
	}
	var sec int64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || i > 0 && n > 59 || n > 100_000 {
			return 0, bad
		}
		sec = sec*60 + int64(n)
	}
	part, ok := decimals(fraction)
	if !ok {
		return 0, bad
	}
	return schema.Time(sec)*schema.Second + part, nil
}

// decimals reads the digits after the point of a second, to the nearest flick.
func decimals(digits string) (schema.Time, bool) {
	if digits == "" {
		return 0, true
	}
	if len(digits) > 9 {
		digits = digits[:9]
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, false
	}
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	return schema.Time((int64(n)*int64(schema.Second) + scale/2) / scale), true
}

var (
	tags      = regexp.MustCompile(`</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}`)
	voiceTag  = regexp.MustCompile(`<v(?:\.[^\s>]*)?\s+([^>]+)>`)
	spaces    = regexp.MustCompile(`[ \t\p{Zs}]+`)
	dash      = regexp.MustCompile(`(?m)^[-–—‐]\s*`)
	beforeTwo = regexp.MustCompile(`^([^:\n]{2,32}):\s+`)
)

// plain takes the markup of SRT and WebVTT away and decodes its entities.
func plain(s string) string {
	if len(s) > 8*maxCueText {
		return s // far too long to be taken
	}
	return html.UnescapeString(tags.ReplaceAllString(s, ""))
}

// voice is the speaker of a WebVTT cue; none where several speak.
func voice(s string) string {
	name := ""
	for _, m := range voiceTag.FindAllStringSubmatch(s, -1) {
		v := tidy(html.UnescapeString(m[1]))
		if name != "" && v != name {
			return ""
		}
		name = v
	}
	return name
}

// tidy brings white space to single spaces and line ends, and leaves control characters out.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\ufeff') {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r", "\n"))
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(spaces.ReplaceAllString(l, " ")); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// speakerBefore takes "MARA: Good morning." apart. Only a name in capitals is
// sure: "Note: ..." and "10:30" are speech.
func speakerBefore(text string) (speaker, rest string) {
	m := beforeTwo.FindStringSubmatch(dash.ReplaceAllString(text, ""))
	if m == nil || len(strings.Fields(m[1])) > 3 || strings.Contains(text, "\n-") {
		return "", text
	}
	letters := 0
	for _, r := range m[1] {
		switch {
		case unicode.IsUpper(r):
			letters++
		case r == ' ' || r == '.' || r == '\'' || r == '-' || r == '’':
		default:
			return "", text
		}
	}
	if letters < 2 {
		return "", text
	}
	return cases.Title(language.Und).String(m[1]), dash.ReplaceAllString(text, "")[len(m[0]):]
}

// withoutDashes leaves out the dashes that mark a change of speaker.
func withoutDashes(text string) string { return dash.ReplaceAllString(text, "") }

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

// WriteWebVTT writes cues as WebVTT that every player shows and that Parse
// reads back without loss: the id of each cue is its exact time in flicks. The
// same cues give the same bytes.
func WriteWebVTT(w io.Writer, cues []Cue) error {
	var b bytes.Buffer
	b.WriteString(exactHeader + "\n")
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, c := range cues {
		// Starts up and ends down, so that a player shows the cue in its own frames.
		const ms = schema.Millisecond
		start, end := (c.Start+ms-1)/ms, c.End/ms
		fmt.Fprintf(&b, "\n%d-%d\n%s --> %s\n", c.Start, c.End, vttTime(start), vttTime(max(end, start)))
		text := escape.Replace(c.Text)
		if c.Speaker != "" {
			text = fmt.Sprintf("<v %s>%s", escape.Replace(c.Speaker), text)
		}
		b.WriteString(text + "\n")
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing WebVTT: %w", err)
	}
	return nil
}

func vttTime(ms schema.Time) string {
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
