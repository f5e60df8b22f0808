package main

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// parseJudged reads judged queries, and places their moments in the assets of the library.
func parseJudged(b []byte, titles []*pb.TitleEntry) ([]*pb.JudgedQuery, error) {
	queries, err := judged.Parse(b)
	if err != nil {
		return nil, err
	}
	var out []*pb.JudgedQuery
	for i, q := range queries {
		right, err := q.Place(titles)
		if err != nil {
			return nil, fmt.Errorf("queries[%d].%w", i, err)
		}
		out = append(out, &pb.JudgedQuery{Q: q.Q, Right: right})
	}
	return out, nil
}

// allTitles lists the titles of the library.
func allTitles(ctx context.Context, client cinedexv1connect.SearchServiceClient) (titles []*pb.TitleEntry, err error) {
	for cursor := ""; ; {
		r, err := client.ListTitles(ctx, connect.NewRequest(&pb.ListTitlesRequest{Limit: 500, Cursor: cursor}))
		if err != nil {
			return nil, err
		}
		titles = append(titles, r.Msg.GetTitles()...)
		if cursor = r.Msg.GetCursor(); cursor == "" {
			return titles, nil
		}
	}
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
	FromCost      float64        `json:"from_cost"` // seconds of execution for a minute of film; 0 where no run tells
	ToCost        float64        `json:"to_cost"`
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

// costsOf returns the seconds of execution for a minute of film of two versions of an algorithm, over the assets with a finished run of both: films
// differ in how much there is to find.
func costsOf(ctx context.Context, h *home, algorithm, from, to string, titles []*pb.TitleEntry) (costs [2]float64, err error) {
	took := [2]map[string]float64{{}, {}}
	err = eachRun(ctx, h, func(e *pb.RunEntry) {
		r := e.GetRun()
		for i, version := range []string{from, to} {
			if r.GetAlgorithm() == algorithm && r.GetVersion() == version && runs.Finished(r) {
				took[i][r.GetAsset()] = float64(r.GetTookMs()) / 1000
			}
		}
	})
	if err != nil {
		return costs, err
	}
	minutes := 0.0
	for _, t := range titles {
		for _, a := range t.GetAssets() {
			was, before := took[0][a.GetId()]
			now, after := took[1][a.GetId()]
			if before && after {
				minutes += schema.Time(a.GetDuration()).Seconds() / 60
				costs[0], costs[1] = costs[0]+was, costs[1]+now
			}
		}
	}
	if minutes == 0 {
		return [2]float64{}, nil
	}
	return [2]float64{costs[0] / minutes, costs[1] / minutes}, nil
}

func printComparison(o *output, algorithm, from, to string, costs [2]float64, queries []*pb.JudgedQuery, r *pb.CompareVersionsResponse) error {
	c := jsonComparison{algorithm, from, to, r.GetOverlap(), r.GetFromPrecision(), r.GetToPrecision(), r.GetFromMrr(), r.GetToMrr(), costs[0], costs[1], []jsonCompared{}}
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
	if err := w.Flush(); err != nil {
		return err
	}
	if c.FromCost+c.ToCost > 0 {
		o.printf("execution: %.2f s a minute of film @%s, %.2f s @%s, over the films with a run of both\n", c.FromCost, from, c.ToCost, to)
	}
	return nil
}
