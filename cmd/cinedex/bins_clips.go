package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// clipTime is a time as timecode, or as hours, minutes and seconds where there is no timecode.
func clipTime(timecode string, t int64) string {
	if timecode != "" {
		return timecode
	}
	return schema.Time(t).String()
}

// placed returns a stretch of a title or an asset between two timecodes, or two times from the start.
func placed(ctx context.Context, h *home, m judged.Moment) (*pb.JudgedMoment, error) {
	client, e, err := h.client()
	if err != nil {
		return nil, err
	}
	titles, err := allTitles(ctx, client)
	if err != nil {
		return nil, h.explain(e, err)
	}
	for _, t := range titles { // a title or an asset: whichever has the name
		for _, a := range t.GetAssets() {
			if a.GetId() == m.Title {
				m.Title, m.Asset = "", a.GetId()
			}
		}
	}
	at, err := judged.Query{Right: []judged.Moment{m}}.Place(titles)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "%s", strings.TrimPrefix(err.Error(), "right[0]."))
	}
	return at[0], nil
}

func newBinsAdd(o *output, h *home) *cobra.Command {
	var limit int32
	var of judged.Moment
	var notes, colour string
	c := &cobra.Command{
		Use: "add BIN [QUERY]", Short: "Add the hits of a query, or a stretch of a title",
		Long: `Adds the best hits of a query as clips that remember query, run and confidence, or a stretch of a title between two timecodes or times.`,
		Example: `  cinedex bins add storms 'look:storm' -n 5
  cinedex bins add storms --title big-buck-bunny --from 00:01:02:05 --to 00:01:04:00 --notes 'the wave'`,
		Args: args(cobra.RangeArgs(1, 2)),
	}
	f := c.Flags()
	f.Int32VarP(&limit, "limit", "n", 10, "hits of the query, at most 200")
	f.StringVar(&of.Title, "title", "", "the title or the asset of a stretch")
	f.StringVar(&of.From, "from", "", "where the stretch begins: a timecode of the asset, or a time such as 1m2.5s")
	f.StringVar(&of.To, "to", "", "where the stretch ends, exclusive")
	f.StringVar(&notes, "notes", "", "notes of the clips")
	f.StringVar(&colour, "colour", "", "one of "+strings.Join(bins.Colours[1:], ", "))
	return newBinEdit(o, h, c, func(ctx context.Context, _ *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		var clips []*pb.Clip
		switch {
		case len(a) == 1 && of.Title == "":
			found, err := hitsAsClips(ctx, h, o, a[0], limit)
			if err != nil {
				return nil, err
			}
			clips = found
		case len(a) == 0 && of.Title != "":
			at, err := placed(ctx, h, of)
			if err != nil {
				return nil, err
			}
			clips = []*pb.Clip{{Asset: at.GetAsset(), Start: at.GetStart(), End: at.GetEnd()}}
		default:
			return nil, errkind.New(errkind.Invalid, "give a query, or --title with --from and --to")
		}
		var edits []*pb.BinEdit
		for _, clip := range clips {
			clip.Id, clip.Notes, clip.Colour = rand.Text(), notes, colour // an id, so that the same request twice adds once
			edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: clip}}})
		}
		return edits, nil
	})
}

// hitsAsClips returns the best hits of a query as clips.
func hitsAsClips(ctx context.Context, h *home, o *output, q string, limit int32) (clips []*pb.Clip, err error) {
	client, e, err := h.client()
	if err != nil {
		return nil, err
	}
	r, err := client.Search(ctx, connect.NewRequest(&pb.SearchRequest{Q: q, Limit: limit}))
	if err != nil {
		return nil, h.explain(e, err)
	}
	for _, p := range r.Msg.GetPartial() {
		o.note("without %s: %s", p.GetPart(), p.GetError())
	}
	for _, hit := range r.Msg.GetHits() {
		clips = append(clips, bins.FromHit(hit, r.Msg.GetQuery()))
	}
	if len(clips) == 0 {
		return nil, errkind.New(errkind.NotFound, "the query has no hits: %s", r.Msg.GetQuery())
	}
	return clips, nil
}

func newBinsTrim(o *output, h *home) *cobra.Command {
	var of judged.Moment
	var before, behind time.Duration
	c := &cobra.Command{
		Use: "trim BIN CLIP", Short: "Set where a clip begins and ends, and its handles",
		Example: "  cinedex bins trim storms 2 --from 00:01:02:05 --to 00:01:04:00\n  cinedex bins trim storms 2 --before 500ms --behind 1s", Args: args(cobra.ExactArgs(2)),
	}
	f := c.Flags()
	f.StringVar(&of.From, "from", "", "a timecode of the asset, or a time such as 1m2.5s; without the flag the beginning stays")
	f.StringVar(&of.To, "to", "", "exclusive; without the flag the end stays")
	f.DurationVar(&before, "before", 0, "how much more a hand-off takes before the clip; without the flag the handle stays")
	f.DurationVar(&behind, "behind", 0, "how much more a hand-off takes behind the clip; without the flag the handle stays")
	return newBinEdit(o, h, c, func(ctx context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		clip, err := theClip(b, a[0])
		if err != nil {
			return nil, err
		}
		next := &pb.TrimClip{Clip: clip.GetId(), Start: clip.GetStart(), End: clip.GetEnd(), HandleBefore: clip.GetHandleBefore(), HandleAfter: clip.GetHandleAfter()}
		if of.From != "" || of.To != "" {
			at := judged.Moment{Title: clip.GetAsset(), From: inSeconds(clip.GetStart()), To: inSeconds(clip.GetEnd())}
			if of.From != "" {
				at.From = of.From
			}
			if of.To != "" {
				at.To = of.To
			}
			m, err := placed(ctx, h, at)
			if err != nil {
				return nil, err
			}
			if of.From != "" {
				next.Start = m.GetStart()
			}
			if of.To != "" {
				next.End = m.GetEnd()
			}
		}
		if f.Changed("before") {
			next.HandleBefore = int64(schema.FromDuration(before))
		}
		if f.Changed("behind") {
			next.HandleAfter = int64(schema.FromDuration(behind))
		}
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Trim{Trim: next}}}, nil
	})
}

func inSeconds(t int64) string { return fmt.Sprintf("%.9fs", schema.Time(t).Seconds()) }

// theClip returns a clip by number or id.
func theClip(b *pb.Bin, named string) (*pb.Clip, error) {
	id, err := clipOf(b, named)
	if err != nil {
		return nil, err
	}
	for _, c := range b.GetClips() {
		if c.GetId() == id {
			return c, nil
		}
	}
	return nil, errkind.New(errkind.NotFound, "the bin %q has no clip %q", b.GetName(), named)
}

func newBinsMark(o *output, h *home) *cobra.Command {
	var at, colour string
	c := &cobra.Command{Use: "mark BIN CLIP TEXT", Short: "Put a marker on a clip", Example: "  cinedex bins mark storms 2 'cut here' --at 00:01:02:10 --colour red", Args: args(cobra.ExactArgs(3))}
	c.Flags().StringVar(&at, "at", "", "a timecode of the asset, or a time such as 1m2.5s; without the flag the beginning of the clip")
	c.Flags().StringVar(&colour, "colour", "", "one of "+strings.Join(bins.Colours[1:], ", "))
	return newBinEdit(o, h, c, func(ctx context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		clip, err := theClip(b, a[0])
		if err != nil {
			return nil, err
		}
		m := &pb.ClipMarker{Id: rand.Text(), Time: clip.GetStart(), Text: a[1], Colour: colour}
		if at != "" {
			p, err := placed(ctx, h, judged.Moment{Title: clip.GetAsset(), From: at, To: inSeconds(clip.GetEnd() + clip.GetHandleAfter())})
			if err != nil {
				return nil, err
			}
			m.Time = p.GetStart()
		}
		return []*pb.BinEdit{{Edit: &pb.BinEdit_PutMarker{PutMarker: &pb.PutMarker{Clip: clip.GetId(), Marker: m}}}}, nil
	})
}

func newBinsHistory(o *output, h *home) *cobra.Command {
	var limit int32
	c := &cobra.Command{
		Use: "history BIN", Short: "Show who changed a bin, and how; the newest first", Example: "  cinedex bins history storms\n  cinedex bins history storms --json | jq '.changes[0].before'",
		Args: args(cobra.ExactArgs(1)),
	}
	c.Flags().Int32VarP(&limit, "limit", "n", 50, "changes wanted, at most 100")
	return newBinCommand(o, h, c, func(ctx context.Context, client *binClient, b *pb.Bin, _ []string) error {
		r, err := client.GetBinHistory(ctx, connect.NewRequest(&pb.GetBinHistoryRequest{Bin: b.GetId(), Limit: limit}))
		if err != nil {
			return h.explain(client.e, err)
		}
		if o.json {
			return o.message(r.Msg)
		}
		for _, change := range r.Msg.GetChanges() {
			o.printf("revision %d  %s  %s  %s\n", change.GetRevision(), time.UnixMilli(change.GetAtMs()).UTC().Format(time.DateTime), change.GetBy(), strings.Join(editNames(change), ", "))
		}
		return nil
	})
}

func newBinsRestore(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use: "restore BIN REVISION", Short: "Make a bin again as the bin was at a revision",
		Long: `Restores clips, order, notes, markers and the name; shares stay. "cinedex bins history" lists the revisions. The restoring is a new revision, and
another restoring takes it back.`,
		Example: "  cinedex bins restore storms 12", Args: args(cobra.ExactArgs(2)),
	}
	return newBinCommand(o, h, c, func(ctx context.Context, client *binClient, b *pb.Bin, a []string) error {
		revision, err := strconv.ParseInt(a[0], 10, 64)
		if err != nil {
			return errkind.New(errkind.Invalid, "%q is no revision: give the number that `cinedex bins history` prints", a[0])
		}
		r, err := client.RestoreBin(ctx, connect.NewRequest(&pb.RestoreBinRequest{Bin: b.GetId(), Seen: b.GetRevision(), Revision: revision}))
		if err != nil {
			return h.explain(client.e, err)
		}
		if o.json {
			return o.message(r.Msg)
		}
		printBin(o, r.Msg.GetBin())
		if n := r.Msg.GetLeftOut(); n > 0 {
			o.note("%d clips were not restored: they are of titles that your token may not see, or that are gone", n)
		}
		return nil
	})
}

// editNames says what the edits of a change did.
func editNames(c *pb.BinChange) (names []string) {
	for _, e := range c.GetEdits() {
		m := e.ProtoReflect()
		if f := m.WhichOneof(m.Descriptor().Oneofs().ByName("edit")); f != nil {
			names = append(names, strings.ReplaceAll(string(f.Name()), "_", " "))
		}
	}
	return names
}

func newBinsRerun(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use: "rerun BIN", Short: "Ask the queries of a bin again: what does a new model change?",
		Long:    `Asks the query of each clip again. A clip that the query still finds is told with the run of now; the other clips are gone. Matches that no clip has are new. The bin stays as it is.`,
		Example: "  cinedex bins rerun storms", Args: args(cobra.ExactArgs(1)),
	}
	return newBinCommand(o, h, c, func(ctx context.Context, client *binClient, b *pb.Bin, _ []string) error {
		r, err := client.RerunBin(ctx, connect.NewRequest(&pb.RerunBinRequest{Bin: b.GetId()}))
		if err != nil {
			return h.explain(client.e, err)
		}
		if o.json {
			return o.message(r.Msg)
		}
		printRerun(o, b, r.Msg)
		return nil
	})
}

func printRerun(o *output, b *pb.Bin, r *pb.RerunBinResponse) {
	verdicts := map[pb.ClipVerdict]string{pb.ClipVerdict_CLIP_VERDICT_SAME: "the same", pb.ClipVerdict_CLIP_VERDICT_FOUND_AGAIN: "found again", pb.ClipVerdict_CLIP_VERDICT_GONE: "gone"}
	told := map[string]*pb.ClipRerun{}
	for _, c := range r.GetClips() {
		told[c.GetClip()] = c
	}
	for i, c := range b.GetClips() {
		v, by := told[c.GetId()], ""
		switch {
		case v == nil:
			continue // marked by hand
		case v.GetRun() != "":
			by = fmt.Sprintf(", by %s@%s, confidence %.2f (%.2f)", v.GetAlgorithm(), v.GetVersion(), v.GetConfidence(), c.GetConfidence())
		}
		verdict := verdicts[v.GetVerdict()]
		if verdict == "" {
			verdict = "not known"
		}
		o.printf("%2d  %s%s\n", i+1, verdict, by)
	}
	for _, q := range r.GetQueries() {
		o.printf("new for %s\n", q.GetQ())
		for _, c := range q.GetFound() {
			o.printf("    %s  %s–%s  %s\n", cmp.Or(c.GetTitleName(), c.GetTitle()), clipTime(c.GetStartTimecode(), c.GetStart()), clipTime(c.GetEndTimecode(), c.GetEnd()), c.GetText())
		}
	}
	for _, l := range r.GetLeftOut() {
		o.note("left out: %s", l)
	}
}
