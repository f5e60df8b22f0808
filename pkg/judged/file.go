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
	Moments map[string][]Moment `yaml:"moments,omitempty"`
	Queries []Query             `yaml:"queries"`
}

// A Query is a line of the query language with its right moments.
type Query struct {
	Q string `yaml:"q"`
	// Kind says what sort of question the query is, such as words, meaning or look. Absent is for a thing that no film has.
	Kind     string   `yaml:"kind,omitempty"`
	Language string   `yaml:"language,omitempty"` // of the query
	Right    []Moment `yaml:"right,omitempty"`
	// Wrong are moments that somebody judged wrong. Partial says that hits beside Right and Wrong were not judged, and say nothing: as of judgements
	// given hit by hit. Without Partial, a hit that is not right is wrong.
	Wrong   []Moment `yaml:"wrong,omitempty"`
	Partial bool     `yaml:"partial,omitempty"`
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
	Title string `yaml:"title,omitempty"`
	Asset string `yaml:"asset,omitempty"`
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
		case len(q.Wrong) > 0 && !q.Partial:
			return nil, errkind.New(errkind.Invalid, "queries[%d].wrong: set partial; without it every hit that is not right is wrong", i)
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
	return placeAll("right", q.Right, titles)
}

// PlaceWrong is Place for the wrong moments.
func (q Query) PlaceWrong(titles []*pb.TitleEntry) ([]*pb.JudgedMoment, error) {
	return placeAll("wrong", q.Wrong, titles)
}

func placeAll(field string, list []Moment, titles []*pb.TitleEntry) ([]*pb.JudgedMoment, error) {
	var out []*pb.JudgedMoment
	for k, m := range list {
		placed, err := m.place(titles)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", field, k, err)
		}
		out = append(out, placed)
	}
	return out, nil
}

// Format writes judgements as a file of judged queries, which Parse reads. The queries are partial, and in the order of the judgements.
func Format(list []*pb.Judgement) ([]byte, error) {
	var f file
	for _, j := range list {
		n := len(f.Queries)
		if n == 0 || f.Queries[n-1].Q != j.GetQ() {
			f.Queries = append(f.Queries, Query{Q: j.GetQ(), Partial: true})
			n++
		}
		q := &f.Queries[n-1]
		m := Moment{Asset: j.GetAsset(), From: schema.Time(j.GetStart()).Duration().String(), To: schema.Time(j.GetEnd()).Duration().String()}
		switch j.GetVerdict() {
		case pb.Verdict_VERDICT_RIGHT:
			q.Right = append(q.Right, m)
		case pb.Verdict_VERDICT_WRONG:
			q.Wrong = append(q.Wrong, m)
		}
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(f); err != nil {
		return nil, errkind.New(errkind.Internal, "writing judged queries: %w", err)
	}
	return b.Bytes(), nil
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
