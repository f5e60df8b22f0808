package handoff

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Options are the choices of an editor.
type Options struct {
	// Reel replaces the reel names of all clips. At most 8 letters, digits and underscores.
	Reel string
	// Language chooses the texts of subtitles, as a BCP 47 tag.
	Language string
	// RecordStart is the timecode of the first frame of the sequence; empty means 01:00:00:00.
	RecordStart string
	// Poster returns the picture of a frame as JPEG, for the contact sheet.
	Poster func(s *Source, frame int64) ([]byte, error)
	// Typeface finds fonts for the letters of the contact sheet that the sheet's own font lacks; nil takes the fonts of this machine.
	Typeface Typeface
	// Media opens the bytes of a source, for an OTIOZ with media. nil leaves the media out.
	Media func(s *Source) (io.ReadCloser, int64, error)
	// Cut writes the film of a clip, for the clips themselves.
	Cut Cutter
}

// A Format is a file format of hand-off.
type Format struct {
	// Name is the value of the option: "otio".
	Name string
	// Extension is of the file's name, without the dot.
	Extension string
	MediaType string
	// Summary is a sentence for people: the programs that read the format.
	Summary string

	write func(w *sink, l List, o Options) error
}

// A sink is the output of a format, with the notes for the person.
type sink struct {
	io.Writer
	notes []string
}

// note adds a note, once.
func (s *sink) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(s.notes, n) {
		s.notes = append(s.notes, n)
	}
}

const (
	plain = "text/plain; charset=utf-8"
	table = "text/csv; charset=utf-8"
)

// Formats returns all formats, in the order of the guide.
func Formats() []Format {
	return []Format{
		{Name: "otio", Extension: "otio", MediaType: "application/vnd.pixar.opentimelineio+json", Summary: "OpenTimelineIO: Resolve, Premiere, Avid, Hiero, Kdenlive", write: writeOTIO},
		{Name: "otioz", Extension: "otioz", MediaType: "application/zip", Summary: "a bundle of OpenTimelineIO, with the media or without", write: writeOTIOZ},
		{Name: "edl", Extension: "edl", MediaType: plain, Summary: "CMX3600 edit decision list: every editing program", write: writeEDL},
		{Name: "fcpxml", Extension: "fcpxml", MediaType: "application/xml", Summary: "FCPXML 1.11: Final Cut Pro, Resolve", write: writeFCPXML},
		{Name: "xmeml", Extension: "xml", MediaType: "application/xml", Summary: "Final Cut Pro 7 XML: Premiere Pro, Resolve, Media Composer", write: writeXMEML},
		{Name: "ale", Extension: "ale", MediaType: plain, Summary: "Avid Log Exchange: subclips of tapes", write: writeALE},
		{Name: "avid", Extension: "txt", MediaType: plain, Summary: "markers (locators) of Media Composer, on the timecode of a film", write: writeAvid},
		{Name: "resolve-edl", Extension: "edl", MediaType: plain, Summary: "markers of a timeline of DaVinci Resolve", write: writeResolveEDL},
		{Name: "resolve-csv", Extension: "csv", MediaType: table, Summary: "a table as Resolve's edit index", write: writeResolveCSV},
		{Name: "protools", Extension: "txt", MediaType: plain, Summary: "memory locations as the text of a Pro Tools session", write: writeProTools},
		{Name: "webvtt", Extension: "vtt", MediaType: "text/vtt; charset=utf-8", Summary: "the texts of a language as WebVTT", write: writeWebVTT},
		{Name: "srt", Extension: "srt", MediaType: "application/x-subrip; charset=utf-8", Summary: "the texts of a language as SubRip", write: writeSRT},
		{Name: "ttml", Extension: "ttml", MediaType: "application/ttml+xml", Summary: "the texts of a language as TTML", write: writeTTML},
		{Name: "csv", Extension: "csv", MediaType: table, Summary: "a table with a row for each clip", write: writeCSV},
		{Name: "webannotation", Extension: "jsonld", MediaType: `application/ld+json; profile="http://www.w3.org/ns/anno.jsonld"`, Summary: "W3C Web Annotations with media fragments", write: writeWebAnnotation},
		{Name: "pdf", Extension: "pdf", MediaType: "application/pdf", Summary: "a contact sheet: a picture for each clip", write: writeSheet},
		{Name: "clips", Extension: "zip", MediaType: "application/zip", Summary: "the clips themselves, as MP4", write: writeClips},
	}
}

// FormatOf returns the format with a name. Invalid: there is no such format.
func FormatOf(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, errkind.New(errkind.Invalid, "format: there is no %q; the formats are %s", short(line(name), 40), strings.Join(names, ", "))
}

// Write writes a list, and returns notes for a person.
func (f Format) Write(w io.Writer, l List, o Options) (notes []string, err error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if o.Reel != "" && reelName(o.Reel) != strings.ToUpper(o.Reel) {
		return nil, errkind.New(errkind.Invalid, "reel: %q is not 1 to %d letters, digits and underscores", short(line(o.Reel), 40), maxReel)
	}
	out := &sink{Writer: w}
	if err := f.write(out, l, o); err != nil {
		return nil, fmt.Errorf("writing %s: %w", f.Name, err)
	}
	return out.notes, nil
}

// A sequence is clips of one rate, one after another.
type sequence struct {
	name  string
	rate  schema.Rate
	scale schema.TimecodeScale // frame 0 of the sequence has the label of RecordStart
	clips []placed
}

// A placed clip has a place in a sequence.
type placed struct {
	Clip
	at int64 // the first frame within the sequence
}

// frames returns the length of the sequence.
func (s *sequence) frames() int64 {
	if len(s.clips) == 0 {
		return 0
	}
	last := s.clips[len(s.clips)-1]
	return last.at + last.Frames()
}

// sequences puts the clips of each rate into a sequence, in the order of the first clips. A sequence is drop frame if every clip is drop frame.
func sequences(l List, o Options) ([]*sequence, error) {
	var all []*sequence
	for _, c := range l.Clips {
		i := slices.IndexFunc(all, func(s *sequence) bool { return s.rate == c.Source.Rate })
		if i < 0 {
			i = len(all)
			all = append(all, &sequence{name: line(l.Name), rate: c.Source.Rate})
		}
		all[i].clips = append(all[i].clips, placed{c, all[i].frames()})
	}
	for _, s := range all {
		drop := !slices.ContainsFunc(s.clips, func(c placed) bool { return !c.Source.Scale.Drop() })
		start := o.RecordStart
		if start == "" {
			start = "01:00:00:00"
		}
		var err error
		if s.scale, err = schema.ScaleOf(s.rate, drop, start); err != nil {
			return nil, fmt.Errorf("record start: %w", err)
		}
		if len(all) > 1 {
			s.name += " (" + rateName(s.rate) + " fps)"
		}
	}
	return all, nil
}

// single returns the only sequence of a list. Invalid: the list has clips of several rates.
func single(l List, o Options, format string) (*sequence, error) {
	all, err := sequences(l, o)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 {
		var rates []string
		for _, s := range all {
			rates = append(rates, rateName(s.rate))
		}
		return nil, errkind.New(errkind.Invalid, "the clips have %s frames a second, and %s counts by a single rate: export each rate by itself (rate), or as otio, fcpxml or xmeml",
			strings.Join(rates, " and "), format)
	}
	return all[0], nil
}

// one returns the only source of a list. Invalid: the list has clips of several assets.
func one(l List, format string) (*Source, error) {
	all := l.sources()
	if len(all) > 1 {
		return nil, errkind.New(errkind.Invalid, "the clips are of %d assets, and %s belongs to the timecode of a single film: export each asset by itself (asset)", len(all), format)
	}
	return all[0], nil
}

// rateName returns a rate as editing programs write rates: "23.976", "25", "29.97".
func rateName(r schema.Rate) string {
	r = r.Nominal()
	if r.Den == 1 {
		return fmt.Sprint(r.Num)
	}
	s := strings.TrimRight(fmt.Sprintf("%.3f", r.Float()), "0")
	return strings.TrimSuffix(s, ".")
}
