package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// judgedFile is a file of queries with the answers that a person judged right.
type judgedFile struct {
	Queries []struct {
		Q     string         `yaml:"q"`
		Right []judgedMoment `yaml:"right"`
	} `yaml:"queries"`
}

type judgedMoment struct {
	// Either asset or title. A title has to have a single asset.
	Title string `yaml:"title"`
	Asset string `yaml:"asset"`
	// Timecodes of the asset, "01:00:12:05", or times from its start: "12.5s", "1m2s".
	From string `yaml:"from"`
	To   string `yaml:"to"`
}

// parseJudged reads judged queries, and places their moments in the assets of the library.
func parseJudged(b []byte, titles []*pb.TitleEntry) ([]*pb.JudgedQuery, error) {
	var f judgedFile
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	if len(f.Queries) == 0 {
		return nil, errkind.New(errkind.Invalid, "the file has no queries")
	}
	var out []*pb.JudgedQuery
	for i, q := range f.Queries {
		if strings.TrimSpace(q.Q) == "" {
			return nil, errkind.New(errkind.Invalid, "queries[%d].q: give the query", i)
		}
		judged := &pb.JudgedQuery{Q: q.Q}
		for k, m := range q.Right {
			moment, err := m.place(titles)
			if err != nil {
				return nil, fmt.Errorf("queries[%d].right[%d]: %w", i, k, err)
			}
			judged.Right = append(judged.Right, moment)
		}
		out = append(out, judged)
	}
	return out, nil
}

func (m judgedMoment) place(titles []*pb.TitleEntry) (*pb.JudgedMoment, error) {
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

// jsonComparison is the shape of `runs compare --json`.
type jsonComparison struct {
	Algorithm     string         `json:"algorithm"`
	From          string         `json:"from"`
	To            string         `json:"to"`
	Overlap       float64        `json:"overlap"`
	FromPrecision float64        `json:"from_precision"`
	ToPrecision   float64        `json:"to_precision"`
	FromMRR       float64        `json:"from_mrr"`
	ToMRR         float64        `json:"to_mrr"`
	Queries       []jsonCompared `json:"queries"`
}

type jsonCompared struct {
	Q             string  `json:"q"`
	Judged        bool    `json:"judged"`
	FromHits      int     `json:"from_hits"`
	ToHits        int     `json:"to_hits"`
	Overlap       float64 `json:"overlap"`
	FromPrecision float64 `json:"from_precision"`
	ToPrecision   float64 `json:"to_precision"`
	FromMRR       float64 `json:"from_mrr"`
	ToMRR         float64 `json:"to_mrr"`
}

func printComparison(o *output, algorithm, from, to string, queries []*pb.JudgedQuery, r *pb.CompareVersionsResponse) error {
	c := jsonComparison{algorithm, from, to, r.GetOverlap(), r.GetFromPrecision(), r.GetToPrecision(), r.GetFromMrr(), r.GetToMrr(), []jsonCompared{}}
	judged := 0
	for i, q := range r.GetQueries() {
		is := len(queries[i].GetRight()) > 0
		if is {
			judged++
		}
		c.Queries = append(c.Queries, jsonCompared{q.GetQ(), is, len(q.GetFrom()), len(q.GetTo()), q.GetOverlap(), q.GetFromPrecision(), q.GetToPrecision(), q.GetFromMrr(), q.GetToMrr()})
	}
	if o.json {
		return o.value(c)
	}
	w := o.table()
	fmt.Fprintf(w, "QUERY\tHITS @%s\tHITS @%s\tSAME\tPRECISION @%s\tPRECISION @%s\tMRR @%s\tMRR @%s\n", from, to, from, to, from, to)
	score := func(is bool, v float64) string {
		if !is {
			return "-"
		}
		return fmt.Sprintf("%.2f", v)
	}
	for _, q := range c.Queries {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.2f\t%s\t%s\t%s\t%s\n", q.Q, q.FromHits, q.ToHits, q.Overlap,
			score(q.Judged, q.FromPrecision), score(q.Judged, q.ToPrecision), score(q.Judged, q.FromMRR), score(q.Judged, q.ToMRR))
	}
	fmt.Fprintf(w, "all %d, %d judged\t\t\t%.2f\t%s\t%s\t%s\t%s\n", len(c.Queries), judged, c.Overlap,
		score(judged > 0, c.FromPrecision), score(judged > 0, c.ToPrecision), score(judged > 0, c.FromMRR), score(judged > 0, c.ToMRR))
	return w.Flush()
}
