package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

func newCalibrate(o *output, h *home) *cobra.Command {
	c := calibration{home: h}
	cmd := &cobra.Command{
		Use:   "calibrate ALGORITHM",
		Short: "Fit the confidence of an algorithm's hits to judged queries",
		Long: `Asks judged queries of the running Cinedex, and fits a logistic curve from the similarities of the
algorithm's hits to the share of right hits. A third of the queries, by a hash, is withheld from the fit
and judges the curve. --write puts the curve in force at once, for the version and its space.
docs/guides/calibrating.md has the form of the file, and says how to read the table.`,
		Example: `  cinedex calibrate sentences --queries judged.yaml
  cinedex calibrate sentences --version 2 --queries judged.yaml --write
  cinedex calibrate sentences --queries judged.yaml --json | jq '.answers[].error'`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if c.file == "" {
				return usage(cmd, errkind.New(errkind.Invalid, "--queries: give a file of judged queries"))
			}
			c.algorithm = a[0]
			return c.run(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&c.file, "queries", "", "YAML file of judged queries")
	cmd.Flags().StringVar(&c.version, "version", "", "version of the algorithm, in place of the version in force")
	cmd.Flags().BoolVar(&c.write, "write", false, "put the fitted curve in force")
	return cmd
}

// A calibration is one call of `cinedex calibrate`.
type calibration struct {
	home               *home
	algorithm, version string
	file               string
	write              bool
}

// A sample is what the judged queries say of one answer of the algorithm.
type sample struct {
	tuning, withheld []judged.Pair
	// The best similarity of each query, of the queries that find a right hit and of the queries for what is not there.
	present, absent   []float64 // tuning
	heldPresent, held []float64 // withheld
}

// add adds the hits of one query, the best hit first.
func (s *sample) add(q judged.Query, pairs []judged.Pair) {
	if len(pairs) == 0 {
		return
	}
	into, present, absent := &s.tuning, &s.present, &s.absent
	if q.Withheld() {
		into, present, absent = &s.withheld, &s.heldPresent, &s.held
	}
	*into = append(*into, pairs...)
	best := slices.MaxFunc(pairs, func(a, b judged.Pair) int { return cmp.Compare(a.Similarity, b.Similarity) }).Similarity
	switch {
	case q.Kind == judged.Absent:
		*absent = append(*absent, best)
	case slices.ContainsFunc(pairs, func(p judged.Pair) bool { return p.Right }):
		*present = append(*present, best)
	}
}

// jsonCalibration is the shape of `calibrate --json`.
type jsonCalibration struct {
	Algorithm string       `json:"algorithm"`
	Version   string       `json:"version"`
	Written   bool         `json:"written"`
	Answers   []jsonFitted `json:"answers"`
}

type jsonFitted struct {
	Space  string   `json:"space"`
	Leaves []string `json:"leaves"`
	// Why there is no fit; empty for a fit.
	Unfitted string  `json:"unfitted"`
	Middle   float64 `json:"middle"`
	Slope    float64 `json:"slope"`
	Match    float64 `json:"match"`
	Pairs    int     `json:"pairs"`
	Withheld int     `json:"withheld"`
	// Error is of the fitted curve, and ErrorBefore of the curve in force, over the withheld pairs.
	Error       float64   `json:"error"`
	ErrorBefore float64   `json:"error_before"`
	Found       float64   `json:"found"`
	Refused     float64   `json:"refused"`
	Bins        []jsonBin `json:"bins"`
}

type jsonBin struct {
	From       float64 `json:"from"`
	To         float64 `json:"to"`
	Pairs      int     `json:"pairs"`
	Confidence float64 `json:"confidence"`
	Right      float64 `json:"right"`
}

func (c *calibration) run(ctx context.Context, o *output) error {
	b, err := os.ReadFile(c.file)
	if err != nil {
		return fmt.Errorf("--queries: %w", err)
	}
	queries, err := judged.Parse(b)
	if err != nil {
		return fmt.Errorf("--queries: %s: %w", c.file, err)
	}
	client, e, err := c.home.client()
	if err != nil {
		return err
	}
	operators, _, err := c.home.operators()
	if err != nil {
		return err
	}
	was, err := operators.GetCalibrations(ctx, connect.NewRequest(&pb.GetCalibrationsRequest{Algorithm: c.algorithm, Version: c.version}))
	if err != nil {
		return c.home.explain(e, err)
	}
	answers := was.Msg.GetAnswers()
	samples, err := c.samples(ctx, client, queries, answers)
	if err != nil {
		return c.home.explain(e, err)
	}
	result := jsonCalibration{Algorithm: c.algorithm, Version: was.Msg.GetVersion(), Written: c.write, Answers: []jsonFitted{}}
	fits := 0
	for i, a := range answers {
		f := fitted(a, samples[i])
		result.Answers = append(result.Answers, f)
		if f.Unfitted != "" {
			continue
		}
		fits++
		if !c.write {
			continue
		}
		cal := &pb.Calibration{Middle: f.Middle, Slope: f.Slope, Match: float32(f.Match), Cutoff: min(a.GetCalibration().GetCutoff(), float32(f.Match))}
		_, err := operators.SetCalibration(ctx, connect.NewRequest(&pb.SetCalibrationRequest{Algorithm: c.algorithm, Version: was.Msg.GetVersion(), Calibration: &pb.FittedCalibration{
			Space: a.GetSpace(), Leaf: a.GetLeaves()[0], Calibration: cal, Pairs: int64(f.Pairs), Error: f.Error}}))
		if err != nil {
			return c.home.explain(e, err)
		}
	}
	if err := printCalibration(o, result); err != nil {
		return err
	}
	if fits == 0 {
		return errkind.New(errkind.Invalid, "nothing was fitted: %s", result.Answers[0].Unfitted)
	}
	return nil
}

// samples asks every query of the algorithm alone.
func (c *calibration) samples(ctx context.Context, client cinedexv1connect.SearchServiceClient, queries []judged.Query, answers []*pb.CalibratedAnswer) ([]*sample, error) {
	titles, err := allTitles(ctx, client)
	if err != nil {
		return nil, err
	}
	out := make([]*sample, len(answers))
	for i := range out {
		out[i] = &sample{}
	}
	for i, q := range queries {
		right, err := q.Place(titles)
		if err != nil {
			return nil, fmt.Errorf("queries[%d].%w", i, err)
		}
		req := &pb.SearchRequest{Q: q.Q, Limit: judged.Depth, TryProfile: fmt.Appendf(nil, "name: calibrate\nversion: 1\nalgorithms: [%s]\n", c.algorithm)}
		if c.version != "" {
			req.Preview = map[string]string{c.algorithm: c.version}
		}
		r, err := client.Search(ctx, connect.NewRequest(req))
		var refused *connect.Error
		if errors.As(err, &refused) && refused.Code() == connect.CodeInvalidArgument && strings.Contains(refused.Message(), "leaves nothing to look for") {
			continue // the query asks other algorithms
		}
		if err != nil {
			return nil, fmt.Errorf("queries[%d]: %w", i, err)
		}
		wrong, err := q.PlaceWrong(titles)
		if err != nil {
			return nil, fmt.Errorf("queries[%d].%w", i, err)
		}
		hits := r.Msg.GetHits()
		if q.Partial {
			hits = judgedHits(hits, append(slices.Clone(right), wrong...))
		}
		for k, pairs := range pairsOf(hits, right, answers) {
			out[k].add(q, pairs)
		}
	}
	return out, nil
}

func placesOf(moments []*pb.JudgedMoment) (out []judged.Span) {
	for _, m := range moments {
		out = append(out, judged.Span{Asset: m.GetAsset(), Interval: schema.Interval{Start: schema.Time(m.GetStart()), End: schema.Time(m.GetEnd())}})
	}
	return out
}

// judgedHits are the hits that show a judged moment.
func judgedHits(hits []*pb.Hit, moments []*pb.JudgedMoment) (out []*pb.Hit) {
	spans := placesOf(moments)
	for _, h := range hits {
		if (judged.Span{Asset: h.GetAsset(), Interval: schema.IntervalOf(h)}).Shows(spans) {
			out = append(out, h)
		}
	}
	return out
}

// pairsOf are the similarities of the hits of each answer, the best hit first.
func pairsOf(hits []*pb.Hit, right []*pb.JudgedMoment, answers []*pb.CalibratedAnswer) map[int][]judged.Pair {
	moments := placesOf(right)
	out := map[int][]judged.Pair{}
	for _, h := range hits {
		shows := judged.Span{Asset: h.GetAsset(), Interval: schema.IntervalOf(h)}.Shows(moments)
		for k, a := range answers {
			i := slices.IndexFunc(h.GetEvidence(), func(e *pb.Evidence) bool { return slices.Contains(a.GetLeaves(), e.GetLeaf()) })
			if i >= 0 {
				out[k] = append(out[k], judged.Pair{Similarity: h.GetEvidence()[i].GetScore(), Right: shows})
			}
		}
	}
	return out
}

// fitted fits the calibration of one answer.
func fitted(a *pb.CalibratedAnswer, s *sample) jsonFitted {
	f := jsonFitted{Space: a.GetSpace(), Leaves: a.GetLeaves(), Pairs: len(s.tuning), Withheld: len(s.withheld), Match: 0.5, Bins: []jsonBin{}}
	curve, err := judged.Fit(s.tuning)
	if err != nil {
		f.Unfitted = err.Error()
		return f
	}
	f.Middle, f.Slope = curve.Middle, curve.Slope
	if at, _, _, err := judged.Match(s.present, s.absent); err == nil {
		f.Match = curve.Confidence(at)
		f.Found, f.Refused = judged.Told(at, s.heldPresent, s.held)
	}
	bins := judged.Reliability(curve, s.withheld)
	f.Error = judged.Error(bins)
	if k := a.GetCalibration(); k != nil {
		f.ErrorBefore = judged.Error(judged.Reliability(judged.Curve{Middle: k.GetMiddle(), Slope: k.GetSlope()}, s.withheld))
	}
	for _, b := range bins {
		f.Bins = append(f.Bins, jsonBin(b))
	}
	return f
}

// diagram is the width of the bars of a reliability diagram.
const diagram = 30

func printCalibration(o *output, c jsonCalibration) error {
	if o.json {
		return o.value(c)
	}
	for _, f := range c.Answers {
		o.printf("%s@%s, %s for %s\n", c.Algorithm, c.Version, f.Space, strings.Join(f.Leaves, ", "))
		if f.Unfitted != "" {
			o.printf("  no fit: %s\n", f.Unfitted)
			continue
		}
		o.printf("  middle %.4f, slope %.1f, from %d pairs; a match from confidence %.2f\n", f.Middle, f.Slope, f.Pairs, f.Match)
		o.printf("  %d withheld pairs: error %.3f, %.3f before; found %.0f %% of what is there, refused %.0f %% of what is not\n",
			f.Withheld, f.Error, f.ErrorBefore, 100*f.Found, 100*f.Refused)
		w := o.table()
		fmt.Fprintln(w, "  CONFIDENCE\tPAIRS\tRIGHT\t")
		for _, b := range f.Bins {
			if b.Pairs == 0 {
				continue
			}
			bar := []rune(strings.Repeat("#", int(b.Right*diagram+0.5)) + strings.Repeat(" ", diagram))[:diagram]
			bar[min(diagram-1, int(b.Confidence*diagram))] = '|' // where the bar ends if the confidence is right
			fmt.Fprintf(w, "  %.2f\t%d\t%.2f\t%s\n", b.Confidence, b.Pairs, b.Right, string(bar))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if c.Written {
		o.note("in force now")
	}
	return nil
}
