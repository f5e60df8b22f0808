package main

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/judged"
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
