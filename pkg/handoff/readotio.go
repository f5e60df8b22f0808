package handoff

import (
	"encoding/json"
	"net/url"
	"path"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// otioIn is any object of OpenTimelineIO with children, markers or media, of schema versions old and new.
type otioIn struct {
	Schema      string            `json:"OTIO_SCHEMA"`
	Name        string            `json:"name"`
	Metadata    otioFacts         `json:"metadata"`
	GlobalStart *otioTime         `json:"global_start_time"`
	Tracks      *otioIn           `json:"tracks"`
	Children    []*otioIn         `json:"children"`
	Source      *otioRange        `json:"source_range"`
	Markers     []*otioMarker     `json:"markers"`
	Reference   *otioIn           `json:"media_reference"` // Clip.1
	References  map[string]otioIn `json:"media_references"`
	Active      string            `json:"active_media_reference_key"`
	Target      string            `json:"target_url"`
	Available   *otioRange        `json:"available_range"`
}

type otioFacts struct {
	Cinedex struct {
		Asset string `json:"asset"`
		Note  string `json:"note"`
	} `json:"cinedex"`
}

// otio reads a timeline: the clips of the film, the clips' markers on the film, and markers of the timeline itself.
func (r *reading) otio(text string) error {
	if err := schema.CheckJSON([]byte(text)); err != nil {
		return err
	}
	var top otioIn
	if err := json.Unmarshal([]byte(text), &top); err != nil {
		return errkind.New(errkind.Invalid, "the file is not JSON of OpenTimelineIO: %w", err)
	}
	if name, _, ok := strings.Cut(top.Schema, "."); !ok || name == "" {
		return errkind.New(errkind.Invalid, "the JSON has no OTIO_SCHEMA")
	}
	var clips []*otioIn
	root := &top
	if top.Tracks != nil {
		root = top.Tracks
	}
	if err := r.composition(root, top.GlobalStart, &clips); err != nil {
		return err
	}
	mine := mineOf(r, clips, (*otioIn).media, func(c *otioIn) string { return c.Metadata.Cinedex.Asset })
	seen := map[[2]int64]bool{}
	for _, c := range clips {
		if !mine(c) {
			r.LeftOut++
			continue
		}
		if err := r.otioClip(c, seen); err != nil {
			return err
		}
	}
	return nil
}

// composition collects the clips, and takes the markers of the timeline. Such markers count from the first frame of the timeline.
func (r *reading) composition(c *otioIn, start *otioTime, clips *[]*otioIn) error {
	if strings.HasPrefix(c.Schema, "Clip.") {
		*clips = append(*clips, c)
		return nil
	}
	for _, m := range c.Markers {
		if m == nil {
			continue
		}
		from, length := m.Range.Start, m.Range.Duration
		if start != nil && start.Rate == from.Rate {
			from.Value += start.Value
		}
		if err := r.otioMarker(m, otioRange{Start: from, Duration: length}); err != nil {
			return err
		}
	}
	for _, child := range c.Children {
		if child != nil {
			if err := r.composition(child, start, clips); err != nil {
				return err
			}
		}
	}
	return nil
}

// reference is the media of a clip.
func (c *otioIn) reference() *otioIn {
	if c.Reference != nil {
		return c.Reference
	}
	if ref, ok := c.References[c.Active]; ok {
		return &ref
	}
	if ref, ok := c.References["DEFAULT_MEDIA"]; ok {
		return &ref
	}
	return &otioIn{}
}

// media returns the name of the media of a clip.
func (c *otioIn) media() string {
	ref := c.reference()
	if u, err := url.Parse(ref.Target); err == nil && ref.Target != "" {
		return path.Base(u.Path)
	}
	return ref.Name
}

func (r *reading) otioClip(c *otioIn, seen map[[2]int64]bool) error {
	whole := c.Source
	if whole == nil {
		whole = c.reference().Available
	}
	if whole != nil {
		start, end, err := r.otioFrames(*whole)
		if err != nil {
			return err
		}
		// The sound of a clip is a clip of its own.
		if at := [2]int64{start, end}; !seen[at] {
			seen[at] = true
			if err := r.clip(Marker{Start: start, End: end, Name: c.Name, Note: c.Metadata.Cinedex.Note}); err != nil {
				return err
			}
		}
	}
	for _, m := range c.Markers {
		if m != nil {
			if err := r.otioMarker(m, m.Range); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) otioMarker(m *otioMarker, at otioRange) error {
	start, end, err := r.otioFrames(at)
	if err != nil {
		return err
	}
	return r.take(Marker{Start: start, End: end, Name: m.Name, Note: m.Comment, Colour: ParseColour(m.Color)})
}

// otioFrames returns the frames of a range.
func (r *reading) otioFrames(at otioRange) (start, end int64, err error) {
	if start, err = r.otioFrame(at.Start, 0); err != nil {
		return 0, 0, err
	}
	if at.Duration.Rate == at.Start.Rate {
		end, err = r.otioFrame(at.Start, at.Duration.Value)
		return start, end, err
	}
	last := at.Start.Value / at.Start.Rate * at.Duration.Rate
	end, err = r.otioFrame(otioTime{Rate: at.Duration.Rate, Value: last}, at.Duration.Value)
	return start, end, err
}

func (r *reading) otioFrame(t otioTime, later float64) (int64, error) {
	const most = 1 << 50
	value := t.Value + later
	if !(t.Rate > 0 && t.Rate <= float64(schema.Second)) || !(value > -most && value < most) {
		return 0, errkind.New(errkind.Invalid, "the time of %g units at %g a second is no time of a film", value, t.Rate)
	}
	rate := r.source.Rate
	if diff := t.Rate - rate.Float(); r.source.Variable || diff > 0.0005 || diff < -0.0005 {
		rate = schema.Rate{Num: int64(roundHalfUp(t.Rate * 1000)), Den: 1000}.Nominal()
	}
	return r.source.frame(value, rate), nil
}

// mineOf returns whether a clip is of the film: by the asset, or by the name of the media. Clips of one media alone are of the film.
func mineOf[T any](r *reading, clips []T, media, asset func(T) string) func(T) bool {
	named := func(c T) bool {
		if a := asset(c); a != "" {
			return a == r.source.Asset
		}
		return strings.EqualFold(media(c), r.source.Name)
	}
	one, some := true, false
	for _, c := range clips {
		one = one && asset(c) == asset(clips[0]) && media(c) == media(clips[0]) && (asset(c) == "" || asset(c) == r.source.Asset)
		some = some || named(c)
	}
	return func(c T) bool { return r.any || one || some && named(c) }
}
