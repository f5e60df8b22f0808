package handoff

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Bounds of a file that is read. Files of editing programs stay far below.
const (
	MaxBytes     = 8 << 20
	maxMarkers   = 20_000
	maxName      = 1000 // runes of a name
	maxNote      = 4000 // runes of a note
	maxLineBytes = 64 << 10
)

// ReadOptions are the facts about a file known before the reading.
type ReadOptions struct {
	// Format is the name of a readable format; empty means: decide by Name and by the content.
	Format string
	// Name is the file's name.
	Name string
	// Source is the film that the markers belong to.
	Source *Source
	// Start is the timecode that the file gives the first frame of the film; empty means the start timecode of the film.
	Start string
	// With AnyMedia, clips of any media are taken for clips of the film: the name of the film's file is not known.
	AnyMedia bool
}

// A Reading is the markers of a file, in order of their first frames.
type Reading struct {
	// Format is "edl", "avid", "otio", "fcpxml" or "csv".
	Format  string
	Markers []Marker
	// LeftOut counts the markers outside the film, and events of other films.
	LeftOut int
	// Notes are sentences for a person.
	Notes []string
}

// readFormats are the formats of Read, with the names under which people know the formats.
var readFormats = map[string]string{
	"edl": "edl", "cmx3600": "edl", "resolve": "edl", "avid": "avid", "txt": "avid", "otio": "otio", "fcpxml": "fcpxml", "csv": "csv",
}

// ReadFormats returns the names of the formats that Read reads.
func ReadFormats() []string { return []string{"edl", "avid", "otio", "fcpxml", "csv"} }

// Read reads the markers of a film, and the events of an edit list, from the file of an editing program.
//
//   - Invalid: the file is in no readable format, a line is wrong, a bound is exceeded, or no marker lies within the film.
func Read(data []byte, o ReadOptions) (*Reading, error) {
	if len(data) > MaxBytes {
		return nil, errkind.New(errkind.Invalid, "the file has %d bytes, and at most %d are read", len(data), MaxBytes)
	}
	if o.Source == nil {
		return nil, errkind.New(errkind.Invalid, "markers belong to a film with pictures")
	}
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	source := *o.Source
	r := &reading{Reading: &Reading{}, source: &source, any: o.AnyMedia}
	if o.Start != "" {
		if source.Scale, err = schema.ScaleOf(source.Rate, source.Scale.Drop(), o.Start); err != nil {
			return nil, fmt.Errorf("start timecode: %w", err)
		}
	}
	if r.Format, err = readFormat(text, o); err != nil {
		return nil, err
	}
	read := map[string]func(string) error{"edl": r.edl, "avid": r.avid, "otio": r.otio, "fcpxml": r.fcpxml, "csv": r.csv}[r.Format]
	if err := read(text); err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.Format, err)
	}
	return r.finish()
}

// decode returns the text of a file in UTF-8 or UTF-16.
func decode(data []byte) (string, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(data)
		if err != nil {
			return "", errkind.New(errkind.Invalid, "the file is not UTF-16 throughout: %w", err)
		}
		data = out
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) { // old programs write MacRoman or Windows-1252; the letters of timecodes are the same
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	if bytes.IndexByte(data, 0) >= 0 || len(bytes.TrimSpace(data)) == 0 {
		return "", errkind.New(errkind.Invalid, "the file is empty, or is not a text")
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), nil
}

func readFormat(text string, o ReadOptions) (string, error) {
	if o.Format != "" {
		if f := readFormats[strings.ToLower(o.Format)]; f != "" {
			return f, nil
		}
		return "", errkind.New(errkind.Invalid, "format: %q is none of the readable formats %s", short(line(o.Format), 40), strings.Join(ReadFormats(), ", "))
	}
	start := strings.TrimSpace(text[:min(len(text), 4096)])
	switch {
	case strings.HasPrefix(start, "TITLE:"), strings.HasPrefix(start, "FCM:"):
		return "edl", nil
	case strings.HasPrefix(start, "{"):
		return "otio", nil
	case strings.HasPrefix(start, "<") && strings.Contains(start, "<fcpxml"):
		return "fcpxml", nil
	}
	if f := readFormats[strings.ToLower(strings.TrimPrefix(path.Ext(o.Name), "."))]; f != "" {
		return f, nil
	}
	return "", errkind.New(errkind.Invalid, "the file is none of the readable formats %s: name the format", strings.Join(ReadFormats(), ", "))
}

// A reading is a Reading in the making.
type reading struct {
	*Reading
	source  *Source // with the labels of the file
	any     bool    // clips of any media are of the film
	first   string  // the place of the first marker outside the film
	markers int
}

func (r *reading) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); len(r.Notes) < 20 && !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}

// lines calls do for each line that is not empty.
func lines(text string, do func(n int, l string) error) error {
	n := 0
	for l := range strings.Lines(text) {
		n++
		if len(l) > maxLineBytes {
			return errkind.New(errkind.Invalid, "line %d has %d bytes, and at most %d are read", n, len(l), maxLineBytes)
		}
		if l = strings.TrimRight(l, "\n"); strings.TrimSpace(l) == "" {
			continue
		}
		if err := do(n, l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// label returns the frame of a label of the file. A label outside the film is a frame outside the film.
func (r *reading) label(tc string) (int64, error) {
	tc = strings.TrimSpace(tc)
	label, err := schema.ParseTimecode(tc)
	if err != nil {
		return 0, err
	}
	if label.Drop && !r.source.Scale.Drop() {
		return 0, errkind.New(errkind.Invalid, "timecode %s is drop frame, and the film is not: the file belongs to another film, or to a sequence of another form", tc)
	}
	unbounded := r.source.Scale.WithoutEnd()
	n, err := unbounded.Frame(tc)
	if err != nil {
		return 0, err
	}
	if n > unbounded.Day()/2 && n > r.source.Clock.Frames() { // before the first frame
		n -= unbounded.Day()
	}
	return n, nil
}

// take takes a marker. A marker outside the film is counted, and a marker that begins before the film begins with the film.
func (r *reading) take(m Marker) error {
	if r.markers++; r.markers > maxMarkers {
		return errkind.New(errkind.Invalid, "the file has more than %d markers, the most that are read", maxMarkers)
	}
	frames := r.source.Clock.Frames()
	m.End = max(m.End, m.Start+1)
	if m.End <= 0 || m.Start >= frames {
		r.LeftOut++
		if r.first == "" {
			r.first = r.source.Scale.Format(m.Start)
		}
		return nil
	}
	m.Start, m.End = max(m.Start, 0), min(m.End, frames)
	m.Name, m.Note = short(line(m.Name), maxName), short(paragraphs(m.Note), maxNote)
	r.Markers = append(r.Markers, m)
	return nil
}

// clip takes the range of a clip. A clip of the whole film says nothing.
func (r *reading) clip(m Marker) error {
	if m.Start <= 0 && m.End >= r.source.Clock.Frames() {
		return nil
	}
	return r.take(m)
}

// paragraphs tidies the lines of a text from outside.
func paragraphs(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		if l = line(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func (r *reading) finish() (*Reading, error) {
	s := r.source
	switch {
	case len(r.Markers) > 0:
	case r.first != "":
		return nil, errkind.New(errkind.Invalid, "no marker lies within the film, which goes from %s to %s; the first is at %s: name the timecode that the file gives the first frame (start timecode)",
			r.source.Scale.Format(0), r.source.Scale.Format(s.Clock.Frames()-1), r.first)
	case r.LeftOut > 0:
		return nil, errkind.New(errkind.Invalid, "the file has %d clips, and none is of %s: import the file to the film that the clips are of", r.LeftOut, s.Name)
	default:
		return nil, errkind.New(errkind.Invalid, "the file has no markers")
	}
	if r.LeftOut > 0 {
		r.note("%d markers outside the film were left out", r.LeftOut)
	}
	slices.SortStableFunc(r.Markers, func(a, b Marker) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	return r.Reading, nil
}
