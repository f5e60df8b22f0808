package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// operators returns a client of the operators' API.
func (h *home) operators() (cinedexv1connect.OperatorServiceClient, endpoint, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, e, err
	}
	hc := e.client(5 * time.Minute)
	return cinedexv1connect.NewOperatorServiceClient(hc, e.Server, connect.WithProtoJSON()), e, nil
}

// A selection is the assets in the flags of a command.
type selection struct {
	assets, titles, series, algorithms []string
	query                              string
}

func (s *selection) flags(c *cobra.Command, withAlgorithms bool) {
	f := c.Flags()
	f.StringArrayVar(&s.titles, "title", nil, "only this title; may be repeated")
	f.StringArrayVar(&s.series, "series", nil, "only this series; may be repeated")
	f.StringArrayVar(&s.assets, "asset", nil, "only this asset; may be repeated")
	f.StringVar(&s.query, "query", "", "only assets in which a search finds something, by your own rights")
	if withAlgorithms {
		f.StringArrayVar(&s.algorithms, "algorithm", nil, "only this algorithm, NAME or NAME@VERSION; may be repeated")
	}
}

// maxQueryPages bounds the search of --query.
const maxQueryPages = 10

// resolve turns the flags into a selection. A query becomes the assets that the query finds now, so the work covers
// assets that the caller has seen and may see.
func (s *selection) resolve(ctx context.Context, h *home) (*pb.Selection, error) {
	sel := &pb.Selection{Assets: slices.Clone(s.assets), Titles: s.titles, Series: s.series, Algorithms: s.algorithms}
	if s.query == "" {
		return sel, nil
	}
	client, e, err := h.client()
	if err != nil {
		return nil, err
	}
	var found []string
	cursor := ""
	for range maxQueryPages {
		r, err := client.Search(ctx, connect.NewRequest(&pb.SearchRequest{Q: s.query, Limit: 200, Cursor: cursor,
			Filter: &pb.Filter{Assets: s.assets, Titles: s.titles, Series: s.series}}))
		if err != nil {
			return nil, h.explain(e, fmt.Errorf("--query: %w", err))
		}
		if len(r.Msg.GetPartial()) > 0 {
			p := r.Msg.GetPartial()[0]
			return nil, errkind.New(errkind.Unavailable, "--query: %s did not answer (%s); half an answer selects too little", p.GetPart(), p.GetError())
		}
		for _, hit := range r.Msg.GetHits() {
			if !slices.Contains(found, hit.GetAsset()) {
				found = append(found, hit.GetAsset())
			}
		}
		if cursor = r.Msg.GetCursor(); cursor == "" {
			break
		}
	}
	if len(found) == 0 {
		return nil, errkind.New(errkind.NotFound, "--query: nothing is found by %q", s.query)
	}
	if cursor != "" {
		return nil, errkind.New(errkind.Invalid, "--query: %q finds more than %d moments; narrow the query, or select by --title", s.query, maxQueryPages*200)
	}
	return &pb.Selection{Assets: found, Algorithms: s.algorithms}, nil
}

// doing is how a command has its job done.
type doing struct {
	dryRun, yes, detach bool
	key                 string
	// asks is the question to a person at a terminal; empty for jobs that destroy nothing.
	asks string
}

func (d *doing) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&d.dryRun, "dry-run", false, "print the plan of the job, and do nothing")
	f.BoolVar(&d.detach, "detach", false, "print the job and return; the job continues on the server")
	f.StringVar(&d.key, "key", "", "name of this request: a repeated name gives the same job (default: a new name)")
	if d.asks != "" {
		f.BoolVarP(&d.yes, "yes", "y", false, "do not ask")
	}
}

// planJSON is printed by --dry-run --json, jobJSON at the end of a job.
type planJSON struct {
	Kind             string   `json:"kind"`
	Total            int64    `json:"total"`
	Unit             string   `json:"unit"`
	Lines            []string `json:"lines"`
	EstimatedSeconds float64  `json:"estimated_seconds,omitempty"`
}

type jobJSON struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	State     string   `json:"state"`
	Done      int64    `json:"done"`
	Total     int64    `json:"total"`
	Unit      string   `json:"unit"`
	Notes     []string `json:"notes"`
	ErrorKind string   `json:"error_kind,omitempty"`
	Error     string   `json:"error,omitempty"`
}

func jobAsJSON(j *pb.Job) jobJSON {
	notes := j.GetNotes()
	if notes == nil {
		notes = []string{}
	}
	return jobJSON{j.GetId(), j.GetKind(), jobs.StateName(j.GetState()), j.GetDone(), j.GetTotal(), j.GetUnit(), notes, j.GetErrorKind(), j.GetError()}
}

// do plans a job, asks the person where due, submits the job, and shows the job to the end. The job is nil after a dry run.
func (d *doing) do(cmd *cobra.Command, o *output, h *home, j *pb.Job) (*pb.Job, error) {
	ctx := cmd.Context()
	client, e, err := h.operators()
	if err != nil {
		return nil, err
	}
	if j.Key = d.key; d.key == "" {
		j.Key = rand.Text()
	}
	p, err := client.PlanJob(ctx, connect.NewRequest(&pb.PlanJobRequest{Job: j}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	if d.dryRun && o.json {
		return nil, o.value(planJSON{p.Msg.GetJob().GetKind(), p.Msg.GetJob().GetTotal(), p.Msg.GetJob().GetUnit(), p.Msg.GetLines(), p.Msg.GetEstimatedSeconds()})
	}
	for _, l := range p.Msg.GetLines() {
		if d.dryRun {
			o.printf("%s\n", l)
		} else {
			o.note("%s", l)
		}
	}
	if d.dryRun {
		if s := p.Msg.GetEstimatedSeconds(); s > 0 {
			o.printf("takes about %s (%s)\n", time.Duration(s*float64(time.Second)).Round(time.Second), p.Msg.GetEstimatedFrom())
		}
		o.note("nothing was done: leave out --dry-run")
		return nil, nil
	}
	if d.asks != "" && !d.yes {
		if err := o.consent(d.asks); err != nil {
			return nil, err
		}
	}
	r, err := client.SubmitJob(ctx, connect.NewRequest(&pb.SubmitJobRequest{Job: j}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	if d.detach {
		if o.json {
			return nil, o.value(jobAsJSON(r.Msg.GetJob()))
		}
		o.printf("%s\n", r.Msg.GetJob().GetId())
		return nil, nil
	}
	return d.follow(ctx, o, h, client, e, r.Msg.GetJob())
}

// consent asks a person at a terminal, and returns an error where the answer is no. A program is not asked.
func (o *output) consent(question string) error {
	if !o.terminal() || !isTerminal(os.Stdin) {
		return nil
	}
	ok, err := o.confirm(question)
	if err == nil && !ok {
		err = errkind.New(errkind.Cancelled, "nothing was done")
	}
	return err
}

// confirm asks a person.
func (o *output) confirm(question string) (bool, error) {
	fmt.Fprintf(o.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return false, errkind.New(errkind.Cancelled, "no answer, so nothing was done: %w", err)
	}
	a := strings.ToLower(strings.TrimSpace(line))
	return a == "y" || a == "yes", nil
}

// followEvery is how often a job is read. The first reads come sooner, so that a short job ends at once.
const followEvery = 500 * time.Millisecond

// follow shows a job's progress until the job has ended. A person who leaves leaves the job as the job is.
func (d *doing) follow(ctx context.Context, o *output, h *home, client cinedexv1connect.OperatorServiceClient, e endpoint, j *pb.Job) (*pb.Job, error) {
	b := o.bar(j.GetKind()+" "+j.GetId(), max(j.GetTotal(), 1), false)
	defer b.done()
	for wait := 20 * time.Millisecond; !jobs.Ended(j.GetState()) && j.GetState() != pb.JobState_JOB_STATE_PAUSED; wait = min(2*wait, followEvery) {
		select {
		case <-ctx.Done():
			return j, errkind.New(errkind.Cancelled, "job %s continues on the server: `cinedex jobs show %s`", j.GetId(), j.GetId())
		case <-time.After(wait):
		}
		r, err := client.GetJob(ctx, connect.NewRequest(&pb.GetJobRequest{Id: j.GetId()}))
		if err != nil {
			if ctx.Err() != nil {
				continue
			}
			return j, h.explain(e, err)
		}
		j = r.Msg.GetJob()
		b.set(j.GetDone(), max(j.GetTotal(), 1))
	}
	b.done()
	if o.json {
		if err := o.value(jobAsJSON(j)); err != nil {
			return j, err
		}
	} else {
		for _, n := range j.GetNotes() {
			o.printf("%s\n", n)
		}
	}
	return j, jobError(j)
}

// jobError is how a job's end reads as a command's.
func jobError(j *pb.Job) error {
	switch j.GetState() {
	case pb.JobState_JOB_STATE_FAILED:
		return errkind.Wrap(errkind.Named(j.GetErrorKind()), errors.New(j.GetError()))
	case pb.JobState_JOB_STATE_CANCELLED:
		return errkind.New(errkind.Cancelled, "job %s was cancelled", j.GetId())
	case pb.JobState_JOB_STATE_PAUSED:
		return errkind.New(errkind.Cancelled, "job %s was paused: `cinedex jobs resume %s`", j.GetId(), j.GetId())
	}
	return nil
}
