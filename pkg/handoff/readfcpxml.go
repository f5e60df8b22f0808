package handoff

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Bounds of XML.
const (
	maxXMLDepth    = 100
	maxXMLElements = 400_000
)

// An fcpClip is a clip of a project, with its markers.
type fcpClip struct {
	ref, name, asset, note string
	start, duration        schema.Time
	hasStart               bool
	markers                []fcpMarker
}

type fcpMarker struct {
	start, duration schema.Time
	name, note      string
}

// An fcpReader reads tokens; the stack holds the open elements, and clips the open clips.
type fcpReader struct {
	assets map[string]string // names of media, by id
	starts map[string]schema.Time
	asset  string // the id of the last asset
	clips  []*fcpClip
	open   []*fcpClip // one for each open element; nil for an element that is no clip
	note   *strings.Builder
}

// fcpxml reads clips and markers of the film. Times of markers within a clip count like the start of the clip, on the timecode of the media.
func (r *reading) fcpxml(text string) error {
	f := &fcpReader{assets: map[string]string{}, starts: map[string]schema.Time{}}
	d := xml.NewDecoder(strings.NewReader(text))
	elements := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errkind.New(errkind.Invalid, "the file is not XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if elements++; elements > maxXMLElements || len(f.open) >= maxXMLDepth {
				return errkind.New(errkind.Invalid, "the file has more than %d elements, or is nested deeper than %d levels", maxXMLElements, maxXMLDepth)
			}
			if err := f.begin(t); err != nil {
				line, _ := d.InputPos()
				return errkind.New(errkind.Invalid, "line %d: %w", line, err)
			}
		case xml.EndElement:
			f.end(t.Name.Local)
		case xml.CharData:
			if f.note != nil {
				f.note.Write(t)
			}
		}
	}
	return r.fcpClips(f)
}

func attributes(e xml.StartElement) map[string]string {
	out := make(map[string]string, len(e.Attr))
	for _, a := range e.Attr {
		out[a.Name.Local] = a.Value
	}
	return out
}

// times reads the start and the duration of an element.
func times(a map[string]string) (start, duration schema.Time, err error) {
	if start, err = rational(a["start"]); err != nil {
		return 0, 0, err
	}
	duration, err = rational(a["duration"])
	return start, duration, err
}

func (f *fcpReader) begin(e xml.StartElement) error {
	a := attributes(e)
	var clip *fcpClip
	switch e.Name.Local {
	case "asset":
		start, _, err := times(a)
		if err != nil {
			return err
		}
		f.asset = a["id"]
		f.assets[f.asset], f.starts[f.asset] = media(a["name"], a["src"]), start
	case "media-rep":
		f.assets[f.asset] = media(f.assets[f.asset], a["src"])
	case "asset-clip", "video":
		start, duration, err := times(a)
		if err != nil {
			return err
		}
		clip = &fcpClip{ref: a["ref"], name: a["name"], start: start, duration: duration, hasStart: a["start"] != ""}
		f.clips = append(f.clips, clip)
	case "marker", "chapter-marker", "keyword":
		if parent := f.parent(); parent != nil {
			start, duration, err := times(a)
			if err != nil {
				return err
			}
			parent.markers = append(parent.markers, fcpMarker{start, duration, a["value"], a["note"]})
		}
	case "note":
		f.note = &strings.Builder{}
	case "md":
		if parent := f.parent(); parent != nil && a["key"] == fcpAssetKey {
			parent.asset = a["value"]
		}
	}
	f.open = append(f.open, clip)
	return nil
}

// parent is the innermost open clip.
func (f *fcpReader) parent() *fcpClip {
	for i := len(f.open) - 1; i >= 0; i-- {
		if f.open[i] != nil {
			return f.open[i]
		}
	}
	return nil
}

func (f *fcpReader) end(name string) {
	f.open = f.open[:len(f.open)-1] // the decoder checks that elements are closed in order
	if name == "note" && f.note != nil {
		if parent := f.parent(); parent != nil {
			parent.note = f.note.String()
		}
		f.note = nil
	}
}

// media returns the name of a media file.
func media(name, src string) string {
	if u, err := url.Parse(src); err == nil && src != "" {
		return path.Base(u.Path)
	}
	return name
}

func (r *reading) fcpClips(f *fcpReader) error {
	mine := mineOf(r, f.clips, func(c *fcpClip) string { return f.assets[c.ref] }, func(c *fcpClip) string { return c.asset })
	for _, c := range f.clips {
		if !mine(c) {
			r.LeftOut++
			continue
		}
		if !c.hasStart {
			c.start = f.starts[c.ref]
		}
		start, end := r.source.frameAt(c.start), r.source.frameAt(c.start+c.duration)
		if err := r.clip(Marker{Start: start, End: end, Name: c.name, Note: c.note}); err != nil {
			return err
		}
		for _, m := range c.markers {
			if err := r.take(Marker{Start: r.source.frameAt(m.start), End: r.source.frameAt(m.start + m.duration), Name: m.name, Note: m.note}); err != nil {
				return err
			}
		}
	}
	return nil
}

// rational reads a time of FCPXML: "1001/24000s", "5s", "0s"; 0 for an empty text.
func rational(s string) (schema.Time, error) {
	if s == "" {
		return 0, nil
	}
	bad := errkind.New(errkind.Invalid, "the time %q is not written as 1001/24000s", short(line(s), 40))
	body, ok := strings.CutSuffix(s, "s")
	if !ok {
		return 0, bad
	}
	top, bottom, fraction := strings.Cut(body, "/")
	num, err := strconv.ParseInt(top, 10, 64)
	if err != nil {
		return 0, bad
	}
	den := int64(1)
	if fraction {
		if den, err = strconv.ParseInt(bottom, 10, 32); err != nil {
			return 0, bad
		}
	}
	const most = 1000 * 86400 // seconds
	if den <= 0 || num/den > most || num/den < -most {
		return 0, bad
	}
	return schema.Rate{Num: den, Den: 1}.FrameStart(num), nil
}
