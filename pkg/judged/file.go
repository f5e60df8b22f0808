package judged

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A file is queries with the moments that were judged right.
type file struct {
	// Moments are lists that queries refer to by YAML's aliases.
	Moments map[string][]Moment `yaml:"moments"`
	Queries []Query             `yaml:"queries"`
}

// A Query is a line of the query language with its right moments.
type Query struct {
	Q string `yaml:"q"`
	// Kind says what sort of question the query is, such as words, meaning or look. Absent is for a thing that no film has.
	Kind     string   `yaml:"kind"`
	Language string   `yaml:"language"` // of the query
	Right    []Moment `yaml:"right"`
}

// Absent is the kind of the queries for things that no film of the library has. Their right answer is "no good match".
const Absent = "absent"

// withheldOf: one query of withheldOf is withheld.
const withheldOf = 3

// Withheld reports whether the query is kept out of every choice of a constant. A hash of the line decides.
func (q Query) Withheld() bool {
	sum := sha256.Sum256([]byte(q.Q))
	return sum[0]%withheldOf == 0
}

// A Moment is an interval of an asset.
type Moment struct {
	// Either asset or title. A title has to have a single asset.
	Title string `yaml:"title"`
	Asset string `yaml:"asset"`
	// Timecodes of the asset, "01:00:12:05", or times from its start: "12.5s", "1m2s".
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// Parse reads a file of judged queries.
//
//   - Invalid: the file cannot be read, or has no queries; the error names the place.
func Parse(b []byte) ([]Query, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	if len(f.Queries) == 0 {
		return nil, errkind.New(errkind.Invalid, "the file has no queries")
	}
	for i, q := range f.Queries {
		switch {
		case strings.TrimSpace(q.Q) == "":
			return nil, errkind.New(errkind.Invalid, "queries[%d].q: give the query", i)
		case q.Kind == Absent && len(q.Right) > 0:
			return nil, errkind.New(errkind.Invalid, "queries[%d].right: a query of kind absent has no right moments", i)
		}
	}
	return f.Queries, nil
}

// Place returns the right moments of a query, in the assets of the titles.
//
//   - NotFound: no title or asset has the name.
//   - Invalid: the title has several assets, or a time cannot be read; the error names the place.
func (q Query) Place(titles []*pb.TitleEntry) ([]*pb.JudgedMoment, error) {
	var out []*pb.JudgedMoment
	for k, m := range q.Right {
		placed, err := m.place(titles)
		if err != nil {
			return nil, fmt.Errorf("right[%d]: %w", k, err)
		}
		out = append(out, placed)
	}
	return out, nil
}

func (m Moment) place(titles []*pb.TitleEntry) (*pb.JudgedMoment, error) {
	var asset *pb.Asset
	for _, t := range titles {
		for _, a := range t.GetAssets() {
			if m.Asset != "" && a.GetId() != m.Asset || m.Asset == "" && t.GetTitle().GetId() != m.Title {
				continue
			}
			if asset != nil {
				return nil, errkind.New(errkind.Invalid, "title: %q has several assets; give asset", m.Title)
			}
			asset = a
		}
	}
	if asset == nil {
		return nil, errkind.New(errkind.NotFound, "there is no %s %q", map[bool]string{true: "asset", false: "title"}[m.Asset != ""], m.Asset+m.Title)
	}
	from, err := placeTime(asset, m.From)
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	to, err := placeTime(asset, m.To)
	if err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if to <= from {
		return nil, errkind.New(errkind.Invalid, "to: must be after from")
	}
	return &pb.JudgedMoment{Asset: asset.GetId(), Start: int64(from), End: int64(to)}, nil
}

// placeTime reads a timecode of an asset, or a time from the asset's start.
func placeTime(a *pb.Asset, s string) (schema.Time, error) {
	if strings.ContainsAny(s, ":;") {
		if a.GetVideo() == nil {
			return 0, errkind.New(errkind.Invalid, "%q: the asset has no pictures, so no timecodes", s)
		}
		scale, err := schema.NewTimecodeScale(a.GetVideo())
		if err != nil {
			return 0, err
		}
		n, err := scale.Frame(s)
		if err != nil {
			return 0, err
		}
		rate := a.GetVideo().GetRate()
		return schema.Rate{Num: int64(rate.GetNum()), Den: int64(rate.GetDen())}.FrameStart(n), nil
	}
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, errkind.New(errkind.Invalid, "%q: want a timecode such as 01:00:12:05, or a time from the start such as 12.5s", s)
	}
	return schema.FromDuration(d), nil
}
