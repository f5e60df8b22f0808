package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newIngest(o *output, h *home) *cobra.Command {
	m := &pb.MediaArrived{Title: &pb.Title{}}
	var texts []string
	var wait bool
	c := &cobra.Command{
		Use:   "ingest FILE|URL",
		Short: "Announce arrived media",
		Long: `Sends the CloudEvent that a studio's upload system would send. The bytes stay in
their place; Cinedex must be allowed to read the folder (up --media FOLDER).`,
		Example: `  cinedex ingest film.mp4 --title my-film --name 'My Film'
  cinedex ingest film.mxf --title s1e2 --series 'The Series' --season 1 --episode 2 \
      --text en=film.en.srt --text ja=film.ja.vtt --start-timecode 10:00:00:00`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if err := completeArrival(cmd, m, a[0], texts); err != nil {
				return err
			}
			return announce(cmd.Context(), o, h, m, wait)
		},
	}
	f := c.Flags()
	f.StringVar(&m.Title.Id, "title", "", "the title's id; the file's name where empty")
	f.StringVar(&m.Title.Name, "name", "", "the title's name")
	f.StringVar(&m.Title.Series, "series", "", "series of the episode")
	f.Int32Var(&m.Title.Season, "season", 0, "season")
	f.Int32Var(&m.Title.Episode, "episode", 0, "episode")
	f.StringVar(&m.Title.OriginalLanguage, "language", "", "original language (BCP 47)")
	f.StringVar(&m.Title.Credit, "credit", "", "whom to credit, and the licence")
	f.StringVar(&m.StartTimecode, "start-timecode", "", "timecode of the first frame, in place of the file's own timecode")
	f.StringVar(&m.Sha256, "sha256", "", "required sha256 of the bytes")
	f.StringArrayVar(&texts, "text", nil, "timed text beside the film, LANGUAGE=FILE; may be repeated")
	f.BoolVar(&m.ReplaceText, "replace-text", false, "drop the side-cars of earlier events; otherwise the film keeps the side-cars")
	f.BoolVar(&wait, "wait", false, "wait until searches find the film")
	return c
}

// completeArrival adds the film and its side-cars, LANGUAGE=FILE, to an event. The default title is the film's name.
func completeArrival(cmd *cobra.Command, m *pb.MediaArrived, film string, texts []string) (err error) {
	if m.Url, err = mediaURL(film); err != nil {
		return err
	}
	if m.Title.Id == "" {
		base := filepath.Base(film)
		m.Title.Id = strings.TrimSuffix(base, filepath.Ext(base))
	}
	for _, t := range texts {
		lang, file, ok := strings.Cut(t, "=")
		if !ok {
			return usage(cmd, fmt.Errorf("--text %s: want LANGUAGE=FILE", t))
		}
		u, err := mediaURL(file)
		if err != nil {
			return err
		}
		m.Text = append(m.Text, &pb.SideCar{Url: u, Language: lang})
	}
	return nil
}

// announce sends an event, and with wait waits until the title's runs have ended.
func announce(ctx context.Context, o *output, h *home, m *pb.MediaArrived, wait bool) error {
	e, err := h.endpoint()
	if err != nil {
		return err
	}
	id, err := send(ctx, e, m)
	if err != nil {
		return err
	}
	if wait {
		client, _, err := h.client()
		if err != nil {
			return err
		}
		log, err := h.log(ctx)
		if err != nil {
			return err
		}
		defer log.Close()
		if err := waitFor(ctx, o, []awaited{{id, m.Title.Id}}, client.GetStatus, log); err != nil {
			return err
		}
	}
	if o.json {
		return o.value(map[string]any{"accepted": id, "title": m.Title.Id, "url": m.Url})
	}
	o.printf("accepted %s: title %s\n", id, m.Title.Id)
	if !wait {
		o.note("`cinedex status` shows the progress")
	}
	return nil
}

func mediaURL(s string) (string, error) {
	if strings.Contains(s, "://") {
		return s, nil
	}
	abs, err := filepath.Abs(s)
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String(), nil
}

// send posts an event in binary mode and returns the id of the event.
func send(ctx context.Context, e endpoint, m *pb.MediaArrived) (string, error) {
	data, err := schema.MarshalJSON(m)
	if err != nil {
		return "", err
	}
	ev := cloudevents.NewEvent()
	ev.SetType("cinedex.media.arrived.v1")
	ev.SetSource("cinedex/cli")
	ev.SetID(fmt.Sprintf("%s-%d", m.GetTitle().GetId(), time.Now().UnixNano()))
	if err := ev.SetData(cloudevents.ApplicationJSON, json.RawMessage(data)); err != nil {
		return "", err
	}
	body, err := json.Marshal(ev)
	if err != nil {
		return "", errkind.Wrap(errkind.Invalid, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Server+"/events", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", cloudevents.ApplicationCloudEventsJSON)
	req.Header.Set("Authorization", "Bearer "+e.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", errkind.New(errkind.Unavailable, "sending the event: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", errkind.New(errkind.Unavailable, "reading the answer: %w", err)
	}
	var answer struct {
		Accepted []string
		Error    string
	}
	if err := json.Unmarshal(b, &answer); err != nil || resp.StatusCode != http.StatusAccepted || len(answer.Accepted) != 1 {
		if answer.Error == "" {
			answer.Error = strings.TrimSpace(string(b))
		}
		kind := errkind.Invalid
		if resp.StatusCode >= 500 {
			kind = errkind.Unavailable
		} else if resp.StatusCode == http.StatusUnauthorized {
			kind = errkind.Unauthenticated
		} else if resp.StatusCode == http.StatusForbidden {
			kind = errkind.Denied
		}
		return "", errkind.New(kind, "the event was not taken (%d): %s", resp.StatusCode, answer.Error)
	}
	return answer.Accepted[0], nil
}

// statusCall is GetStatus of a client, or of the server in this process.
type statusCall func(context.Context, *connect.Request[pb.GetStatusRequest]) (*connect.Response[pb.GetStatusResponse], error)

// An awaited event is an accepted event with its id and its title.
type awaited struct{ id, title string }

// arrivals is the part of the log that waiting uses: the progress of the ingestor, and the ingestor's dead letters.
type arrivals interface {
	Lag(ctx context.Context, group string, topics ...events.Topic) ([]events.PartitionLag, error)
	DeadLetters(ctx context.Context, f events.LetterFilter) iter.Seq2[events.Letter, error]
}

// refused returns the reason for which an event was put aside. Events are matched by id: earlier events of the title
// may have been refused before.
func refused(ctx context.Context, log arrivals, evs []awaited) error {
	for l, err := range log.DeadLetters(ctx, events.LetterFilter{Group: events.HopIngestor.Group}) {
		if err != nil {
			continue // an unreadable letter is for `dead-letters list`
		}
		if slices.ContainsFunc(evs, func(e awaited) bool { return e.id != "" && e.id == l.EventID() }) {
			return errkind.New(l.Kind, "%s (dead letter %s)", l.Reason, l.ID)
		}
	}
	return nil
}

// handled waits until the ingestor has handled all events present in the log when handled began. The events are assets
// then, or dead letters.
func handled(ctx context.Context, log arrivals, tick <-chan time.Time) error {
	ends, err := log.Lag(ctx, events.HopIngestor.Group, events.MediaAccepted)
	if err != nil {
		return fmt.Errorf("asking how far the ingestor is: %w", err)
	}
	for now := ends; ; {
		if !slices.ContainsFunc(ends, func(e events.PartitionLag) bool {
			return slices.ContainsFunc(now, func(n events.PartitionLag) bool {
				return n.Partition == e.Partition && n.Lag > 0 && n.Committed < e.End
			})
		}) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		}
		if now, err = log.Lag(ctx, events.HopIngestor.Group, events.MediaAccepted); err != nil {
			return fmt.Errorf("asking how far the ingestor is: %w", err)
		}
	}
}

// waitFor waits until the events are assets and every run of their titles has ended, and shows the progress. An event
// that was put aside is an error with the reason.
func waitFor(ctx context.Context, o *output, evs []awaited, status statusCall, log arrivals) error {
	var titles []string
	for _, e := range evs {
		titles = append(titles, e.title)
	}
	b := o.bar("watching "+strings.Join(titles, ", "), 1, false)
	defer b.done()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	arrived := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		slow := time.NewTicker(time.Second)
		defer slow.Stop()
		err := handled(watching, log, slow.C)
		if err == nil {
			err = refused(watching, log, evs)
		}
		arrived <- err
	}()
	for here := false; ; {
		select {
		case err := <-arrived:
			if err != nil {
				return err
			}
			here = true
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		r, err := everyStatus(ctx, status, titles)
		if err != nil {
			return fmt.Errorf("asking for the progress: %w", err)
		}
		done, total, failed, seen := tally(r, titles)
		// A title that has not arrived yet counts as a single unit of work.
		b.set(done, total+int64(len(titles)-seen))
		if here && seen == len(titles) && done == total {
			if failed != "" {
				return fmt.Errorf("a run failed: %s", failed)
			}
			return nil
		}
	}
}

// tally counts the runs of titles, and the titles that have arrived. A run that no runner serves counts as done: nobody knows when it begins.
func tally(r *pb.GetStatusResponse, titles []string) (done, total int64, failed string, seen int) {
	for _, t := range titles {
		there := false
		for _, a := range r.GetAssets() {
			if a.GetTitle() != t {
				continue
			}
			there = true
			active := map[string]bool{}
			for _, v := range a.GetActive() {
				active[v.GetRun()] = true
			}
			for _, run := range a.GetRuns() {
				total++
				switch {
				case run.GetState() == pb.RunState_RUN_STATE_FAILED:
					failed = fmt.Sprintf("%s of %s: %s", run.GetAlgorithm(), t, run.GetError())
					done++
				case run.GetState() == pb.RunState_RUN_STATE_CANCELLED, active[run.GetId()], run.GetActivated(), run.GetWaits() != "":
					done++
				}
			}
		}
		if there {
			seen++
		}
	}
	return done, total, failed, seen
}
