package handoff

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// fcpAssetKey is the key of the metadata with Cinedex's asset.
const fcpAssetKey = "io.cinedex.asset"

// The elements of FCPXML 1.11, in the order of Apple's document type definition.

type fcpxmlFile struct {
	XMLName   xml.Name        `xml:"fcpxml"`
	Version   string          `xml:"version,attr"`
	Resources fcpxmlResources `xml:"resources"`
	Library   fcpxmlLibrary   `xml:"library"`
}

type fcpxmlResources struct {
	Formats []fcpxmlFormat `xml:"format"`
	Assets  []fcpxmlAsset  `xml:"asset"`
}

type fcpxmlFormat struct {
	ID            string `xml:"id,attr"`
	FrameDuration string `xml:"frameDuration,attr"`
	Width         string `xml:"width,attr,omitempty"`
	Height        string `xml:"height,attr,omitempty"`
}

type fcpxmlAsset struct {
	ID            string    `xml:"id,attr"`
	Name          string    `xml:"name,attr"`
	Start         string    `xml:"start,attr"`
	Duration      string    `xml:"duration,attr"`
	HasVideo      string    `xml:"hasVideo,attr"`
	Format        string    `xml:"format,attr"`
	HasAudio      string    `xml:"hasAudio,attr,omitempty"`
	VideoSources  string    `xml:"videoSources,attr"`
	AudioSources  string    `xml:"audioSources,attr,omitempty"`
	AudioChannels string    `xml:"audioChannels,attr,omitempty"`
	AudioRate     string    `xml:"audioRate,attr,omitempty"`
	Media         fcpxmlRep `xml:"media-rep"`
}

type fcpxmlRep struct {
	Kind string `xml:"kind,attr"`
	Src  string `xml:"src,attr"`
}

type fcpxmlLibrary struct {
	Event fcpxmlEvent `xml:"event"`
}

type fcpxmlEvent struct {
	Name     string          `xml:"name,attr"`
	Projects []fcpxmlProject `xml:"project"`
}

type fcpxmlProject struct {
	Name     string         `xml:"name,attr"`
	Sequence fcpxmlSequence `xml:"sequence"`
}

type fcpxmlSequence struct {
	Format   string       `xml:"format,attr"`
	Duration string       `xml:"duration,attr"`
	Start    string       `xml:"tcStart,attr"`
	Form     string       `xml:"tcFormat,attr"`
	Clips    []fcpxmlClip `xml:"spine>asset-clip"`
}

type fcpxmlClip struct {
	Ref      string          `xml:"ref,attr"`
	Name     string          `xml:"name,attr"`
	Offset   string          `xml:"offset,attr"`
	Start    string          `xml:"start,attr"`
	Duration string          `xml:"duration,attr"`
	Form     string          `xml:"tcFormat,attr"`
	Note     string          `xml:"note,omitempty"`
	Markers  []fcpxmlMarker  `xml:"marker"`
	Metadata *fcpxmlMetadata `xml:"metadata"`
}

type fcpxmlMarker struct {
	Start    string `xml:"start,attr"`
	Duration string `xml:"duration,attr"`
	Value    string `xml:"value,attr"`
	Note     string `xml:"note,attr,omitempty"`
}

type fcpxmlMetadata struct {
	Entries []fcpxmlEntry `xml:"md"`
}

type fcpxmlEntry struct {
	Key   string `xml:"key,attr"`
	Value string `xml:"value,attr"`
}

// fcpForms are the forms of timecode.
var fcpForms = map[bool]string{false: "NDF", true: "DF"}

// writeFCPXML writes a project for each rate. Final Cut Pro reads times that are whole frames; the times of a source of variable rate are exact.
func writeFCPXML(w *sink, l List, o Options) error {
	all, err := sequences(l, o)
	if err != nil {
		return err
	}
	f := &fcpxmlFile{Version: "1.11", Library: fcpxmlLibrary{fcpxmlEvent{Name: line(l.Name)}}}
	ids := f.resources(l, w)
	for _, s := range all {
		f.Library.Event.Projects = append(f.Library.Event.Projects, f.project(s, ids))
	}
	return writeXML(w, "<!DOCTYPE fcpxml>\n", f)
}

// writeXML writes a document.
func writeXML(w io.Writer, doctype string, v any) error {
	if _, err := io.WriteString(w, xml.Header+doctype); err != nil {
		return fmt.Errorf("writing the head: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// resources adds the formats and the assets, and returns the ids of the assets.
func (f *fcpxmlFile) resources(l List, w *sink) map[*Source]string {
	ids := map[*Source]string{}
	for _, s := range l.sources() {
		format := f.format(s)
		whole := s.spans([2]int64{0, s.Clock.Frames()})[0]
		a := fcpxmlAsset{
			ID: fmt.Sprintf("a%d", len(f.Resources.Assets)+1), Name: s.Name, Start: whole.seconds(whole.start), Duration: whole.seconds(whole.duration),
			HasVideo: "1", Format: format, VideoSources: "1", Media: fcpxmlRep{"original-media", s.fileURL()},
		}
		if s.Channels > 0 {
			a.HasAudio, a.AudioSources, a.AudioChannels, a.AudioRate = "1", "1", strconv.Itoa(s.Channels), strconv.Itoa(s.SampleRate)
		}
		if s.Variable {
			w.note("%s has a variable frame rate: times are of the frame table, and Final Cut Pro moves them to its own frames", s.Name)
		}
		f.Resources.Assets = append(f.Resources.Assets, a)
		ids[s] = a.ID
	}
	return ids
}

// format returns the id of the format of a source.
func (f *fcpxmlFile) format(s *Source) string {
	frame := span{rate: s.Rate}
	want := fcpxmlFormat{FrameDuration: frame.seconds(1)}
	if s.Width > 0 && s.Height > 0 {
		want.Width, want.Height = strconv.Itoa(s.Width), strconv.Itoa(s.Height)
	}
	for _, have := range f.Resources.Formats {
		if want.ID = have.ID; want == have {
			return have.ID
		}
	}
	want.ID = fmt.Sprintf("f%d", len(f.Resources.Formats)+1)
	f.Resources.Formats = append(f.Resources.Formats, want)
	return want.ID
}

// fileURL is the address of the media, or an address with the name alone: the program asks for the media, or finds the media by name.
func (s *Source) fileURL() string {
	if s.URL != "" {
		return s.URL
	}
	return "file:///" + url.PathEscape(s.Name)
}

func (f *fcpxmlFile) project(s *sequence, ids map[*Source]string) fcpxmlProject {
	unit := span{rate: s.rate}
	at := exactPlace{flicks: int64(s.rate.FrameStart(s.scale.Number())), frames: s.scale.Number(), rate: s.rate}
	p := fcpxmlProject{Name: s.name, Sequence: fcpxmlSequence{
		Format: f.format(s.clips[0].Source), Start: unit.seconds(s.scale.Number()), Form: fcpForms[s.scale.Drop()],
	}}
	begin := at
	for _, c := range s.clips {
		p.Sequence.Clips = append(p.Sequence.Clips, fcpClipOf(c.Clip, ids[c.Source], at.String()))
		at.advance(c.Clip)
	}
	p.Sequence.Duration = at.since(begin)
	return p
}

func fcpClipOf(c Clip, ref, offset string) fcpxmlClip {
	ranges := [][2]int64{{c.Start, c.End}}
	markers := c.markers()
	for _, m := range markers {
		ranges = append(ranges, [2]int64{m.Start, m.End})
	}
	spans := c.Source.spans(ranges...)
	out := fcpxmlClip{
		Ref: ref, Name: short(c.label(), 200), Offset: offset, Start: spans[0].seconds(spans[0].start), Duration: spans[0].seconds(spans[0].duration),
		Form: fcpForms[c.Source.Scale.Drop()], Note: xmlText(c.Note), Metadata: &fcpxmlMetadata{[]fcpxmlEntry{{fcpAssetKey, c.Source.Asset}}},
	}
	if c.Query != "" {
		out.Metadata.Entries = append(out.Metadata.Entries, fcpxmlEntry{"io.cinedex.query", line(c.Query)})
	}
	for i, m := range markers {
		s := spans[1+i]
		out.Markers = append(out.Markers, fcpxmlMarker{s.seconds(s.start), s.seconds(s.duration), line(m.Name), xmlText(m.Note)})
	}
	return out
}

// xmlText leaves out the characters that XML has not.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
