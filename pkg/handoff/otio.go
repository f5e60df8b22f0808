package handoff

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// The schemas of OpenTimelineIO, as its reference implementation 0.17 and later write the schemas.

type otioTime struct {
	Schema string  `json:"OTIO_SCHEMA"` // RationalTime.1
	Rate   float64 `json:"rate"`
	Value  float64 `json:"value"`
}

type otioRange struct {
	Schema   string   `json:"OTIO_SCHEMA"` // TimeRange.1
	Duration otioTime `json:"duration"`
	Start    otioTime `json:"start_time"`
}

type otioTimeline struct {
	Schema      string         `json:"OTIO_SCHEMA"` // Timeline.1
	Metadata    map[string]any `json:"metadata"`
	Name        string         `json:"name"`
	GlobalStart *otioTime      `json:"global_start_time"`
	Tracks      otioComposable `json:"tracks"`
}

// An otioComposable is a Stack.1 or a Track.1.
type otioComposable struct {
	Schema   string         `json:"OTIO_SCHEMA"`
	Metadata map[string]any `json:"metadata"`
	Name     string         `json:"name"`
	Source   *otioRange     `json:"source_range"`
	Effects  []any          `json:"effects"`
	Markers  []otioMarker   `json:"markers"`
	Enabled  bool           `json:"enabled"`
	Children []any          `json:"children"`
	Kind     string         `json:"kind,omitempty"`
}

type otioClip struct {
	Schema     string             `json:"OTIO_SCHEMA"` // Clip.2
	Metadata   map[string]any     `json:"metadata"`
	Name       string             `json:"name"`
	Source     otioRange          `json:"source_range"`
	Effects    []any              `json:"effects"`
	Markers    []otioMarker       `json:"markers"`
	Enabled    bool               `json:"enabled"`
	References map[string]otioRef `json:"media_references"`
	Active     string             `json:"active_media_reference_key"`
}

// An otioRef is an ExternalReference.1, or a MissingReference.1 without a target.
type otioRef struct {
	Schema    string         `json:"OTIO_SCHEMA"`
	Metadata  map[string]any `json:"metadata"`
	Name      string         `json:"name"`
	Available otioRange      `json:"available_range"`
	Bounds    any            `json:"available_image_bounds"`
	Target    string         `json:"target_url,omitempty"`
}

type otioMarker struct {
	Schema   string         `json:"OTIO_SCHEMA"` // Marker.2
	Metadata map[string]any `json:"metadata"`
	Name     string         `json:"name"`
	Color    string         `json:"color"`
	Range    otioRange      `json:"marked_range"`
	Comment  string         `json:"comment"`
}

func otioUnits(r schema.Rate, units int64) otioTime {
	return otioTime{"RationalTime.1", r.Float(), float64(units)}
}

func (s span) otio() otioRange {
	return otioRange{"TimeRange.1", otioUnits(s.rate, s.duration), otioUnits(s.rate, s.start)}
}

func writeOTIO(w *sink, l List, o Options) error {
	t, err := otioOf(l, o, func(s *Source) string { return cmp.Or(s.URL, url.PathEscape(s.Name)) })
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(t)
}

// otioOf returns the timeline of a list. target returns the address of the media of a source; "" leaves the media to be found by name.
func otioOf(l List, o Options, target func(*Source) string) (*otioTimeline, error) {
	all, err := sequences(l, o)
	if err != nil {
		return nil, err
	}
	track := otioComposable{Schema: "Track.1", Metadata: map[string]any{}, Name: "V1", Effects: []any{}, Markers: []otioMarker{}, Enabled: true, Children: []any{}, Kind: "Video"}
	names := reels(l.sources(), o.Reel)
	for _, c := range l.Clips {
		track.Children = append(track.Children, otioClipOf(c, names[c.Source], target(c.Source)))
	}
	start := otioUnits(all[0].rate, all[0].scale.Number())
	return &otioTimeline{
		Schema: "Timeline.1", Metadata: map[string]any{}, Name: line(l.Name), GlobalStart: &start,
		Tracks: otioComposable{Schema: "Stack.1", Metadata: map[string]any{}, Name: "tracks", Effects: []any{}, Markers: []otioMarker{}, Enabled: true, Children: []any{track}},
	}, nil
}

func otioClipOf(c Clip, reel, target string) otioClip {
	s := c.Source
	ranges := [][2]int64{{0, s.Clock.Frames()}, {c.Start, c.End}}
	markers := c.markers()
	for _, m := range markers {
		ranges = append(ranges, [2]int64{m.Start, m.End})
	}
	spans := s.spans(ranges...)
	ref := otioRef{Schema: "ExternalReference.1", Metadata: map[string]any{}, Name: s.Name, Available: spans[0].otio(), Target: target}
	if target == "" {
		ref.Schema = "MissingReference.1"
	}
	out := otioClip{
		Schema: "Clip.2", Name: c.label(), Source: spans[1].otio(), Effects: []any{}, Markers: []otioMarker{}, Enabled: true,
		References: map[string]otioRef{"DEFAULT_MEDIA": ref}, Active: "DEFAULT_MEDIA",
		// The adapters of OpenTimelineIO read the reel from the metadata of their formats.
		Metadata: map[string]any{"cinedex": c.facts(), "cmx_3600": map[string]any{"reel": reel}},
	}
	for i, m := range markers {
		out.Markers = append(out.Markers, otioMarker{
			Schema: "Marker.2", Metadata: map[string]any{}, Name: line(m.Name), Color: m.Colour.otio(), Range: spans[2+i].otio(), Comment: m.Note,
		})
	}
	return out
}

// otio returns the name of the colour in OpenTimelineIO.
func (c Colour) otio() string { return strings.ToUpper(c.or(Green).String()) }

// markers returns the markers of a clip. The colour of the clip is a marker at its first frame.
func (c *Clip) markers() []Marker {
	if c.Colour == NoColour {
		return c.Markers
	}
	return append([]Marker{{Start: c.Start, End: c.Start + 1, Name: c.label(), Note: c.Note, Colour: c.Colour}}, c.Markers...)
}

// facts are the reasons for a clip, for programs. Empty facts are left out.
func (c *Clip) facts() map[string]any {
	f := map[string]any{"asset": c.Source.Asset, "title": c.Source.Title}
	for key, value := range map[string]string{"note": c.Note, "kind": c.Kind, "run": c.Run, "query": c.Query} {
		if value != "" {
			f[key] = value
		}
	}
	if c.Confidence > 0 {
		f["confidence"] = c.Confidence
	}
	if len(c.Texts) > 0 {
		var texts []map[string]string
		for _, t := range c.Texts {
			texts = append(texts, map[string]string{"language": t.Language, "speaker": t.Speaker, "text": t.Text})
		}
		f["texts"] = texts
	}
	return f
}
