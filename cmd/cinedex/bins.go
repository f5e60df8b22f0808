package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// binsTimeout bounds a call about bins.
const binsTimeout = time.Minute

func newBins(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:   "bins",
		Short: "Collect clips into bins, edit, share and run them again",
		Long: `A bin is an ordered collection of clips. BIN is the name or the id of a bin, CLIP is the number or the id of a clip, as "cinedex bins show" lists
them. Several people may edit a bin at once: an edit of something that somebody else changed since you looked is told, and not made.
docs/guides/bins.md says who sees a bin, and how edits meet.`,
		Example: "  cinedex bins new storms\n  cinedex bins add storms 'look:storm'\n  cinedex bins show storms\n  cinedex bins share storms group:editors --edit",
	}
	c.AddCommand(newBinsList(o, h), newBinsNew(o, h), newBinsShow(o, h), newBinsAdd(o, h), newBinsRemove(o, h), newBinsMove(o, h), newBinsTrim(o, h), newBinsNote(o, h),
		newBinsMark(o, h), newBinsName(o, h), newBinsShare(o, h), newBinsUnshare(o, h), newBinsHistory(o, h), newBinsRestore(o, h), newBinsRerun(o, h), newBinsDelete(o, h))
	return c
}

// A binClient asks about bins.
type binClient struct {
	cinedexv1connect.BinServiceClient
	h    *home
	e    endpoint
	o    *output
	link string
}

func (h *home) bins(o *output, link string) (*binClient, error) {
	e, err := h.endpoint()
	if err != nil {
		return nil, err
	}
	hc := e.client(binsTimeout)
	return &binClient{cinedexv1connect.NewBinServiceClient(hc, e.Server), h, e, o, link}, nil
}

// all lists every bin of the caller.
func (c *binClient) all(ctx context.Context) (bins []*pb.Bin, err error) {
	for cursor := ""; ; {
		r, err := c.ListBins(ctx, connect.NewRequest(&pb.ListBinsRequest{Limit: 200, Cursor: cursor}))
		if err != nil {
			return nil, c.h.explain(c.e, err)
		}
		bins = append(bins, r.Msg.GetBins()...)
		if cursor = r.Msg.GetCursor(); cursor == "" {
			return bins, nil
		}
	}
}

// find returns a bin by name or id. NotFound: there is none. Invalid: several bins have the name.
func (c *binClient) find(ctx context.Context, named string) (*pb.Bin, error) {
	id := named
	if c.link == "" {
		bins, err := c.all(ctx)
		if err != nil {
			return nil, err
		}
		var same []*pb.Bin
		for _, b := range bins {
			if b.GetId() == named {
				same = []*pb.Bin{b}
				break
			}
			if b.GetName() == named {
				same = append(same, b)
			}
		}
		if len(same) > 1 {
			return nil, errkind.New(errkind.Invalid, "%d bins have the name %q: give the id, as `cinedex bins list` prints the id", len(same), named)
		}
		if len(same) == 1 {
			id = same[0].GetId()
		}
	}
	r, err := c.GetBin(ctx, connect.NewRequest(&pb.GetBinRequest{Bin: id, Link: c.link}))
	if err != nil {
		return nil, c.h.explain(c.e, err)
	}
	return r.Msg.GetBin(), nil
}

// clipOf returns the id of a clip by number or id.
func clipOf(b *pb.Bin, named string) (string, error) {
	if n, err := strconv.Atoi(named); err == nil && len(named) < 6 {
		if n < 1 || n > len(b.GetClips()) {
			return "", errkind.New(errkind.NotFound, "the bin %q has %d clips, and no clip %d", b.GetName(), len(b.GetClips()), n)
		}
		return b.GetClips()[n-1].GetId(), nil
	}
	return named, nil
}

// edit makes edits of a bin, and prints the bin.
func (c *binClient) edit(ctx context.Context, b *pb.Bin, edits ...*pb.BinEdit) error {
	r, err := c.EditBin(ctx, connect.NewRequest(&pb.EditBinRequest{Bin: b.GetId(), Link: c.link, Seen: b.GetRevision(), Edits: edits}))
	if err != nil {
		return c.h.explain(c.e, err)
	}
	if c.o.json {
		if err := c.o.message(r.Msg); err != nil {
			return err
		}
	} else {
		printBin(c.o, r.Msg.GetBin())
		for _, l := range r.Msg.GetLinks() {
			c.o.printf("%s  secret %s\n", l.GetWith(), l.GetSecret())
			c.o.note("who has the secret sees the bin: cinedex bins show %s --link SECRET. The secret is kept nowhere", b.GetId())
		}
	}
	if n := len(r.Msg.GetConflicts()); n > 0 {
		var reasons []string
		for _, conflict := range r.Msg.GetConflicts() {
			reasons = append(reasons, conflict.GetReason())
		}
		return errkind.New(errkind.Conflict, "%d of %d edits were not made: %s", n, len(edits), strings.Join(reasons, "; "))
	}
	return nil
}

func printBin(o *output, b *pb.Bin) {
	o.printf("%s  %s  revision %d, of %s\n", b.GetName(), b.GetId(), b.GetRevision(), b.GetOwner())
	if b.GetNotes() != "" {
		o.printf("  %s\n", b.GetNotes())
	}
	for i, c := range b.GetClips() {
		o.printf("%2d  %s  %s–%s", i+1, cmp.Or(c.GetTitleName(), c.GetTitle()), clipTime(c.GetStartTimecode(), c.GetStart()), clipTime(c.GetEndTimecode(), c.GetEnd()))
		for _, s := range []string{c.GetColour(), c.GetText(), c.GetNotes()} {
			if s != "" {
				o.printf("  %s", s)
			}
		}
		o.printf("\n")
		for _, m := range c.GetMarkers() {
			o.printf("      mark at %s  %s %s\n", clipTime("", m.GetTime()), m.GetColour(), m.GetText())
		}
	}
	for _, s := range b.GetShares() {
		right := "looks"
		if s.GetEdit() {
			right = "edits"
		}
		if s.GetUntilMs() != 0 {
			right += " until " + time.UnixMilli(s.GetUntilMs()).UTC().Format(time.RFC3339)
		}
		o.printf("  shared with %s, who %s\n", s.GetWith(), right)
	}
	if n := b.GetHiddenClips(); n > 0 {
		o.note("%d clips are of titles that your token may not see, or that are gone", n)
	}
}

func newBinsList(o *output, h *home) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the bins that you may see", Example: "  cinedex bins list", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := h.bins(o, "")
			if err != nil {
				return err
			}
			bins, err := c.all(cmd.Context())
			if err != nil {
				return err
			}
			if o.json {
				return o.message(&pb.ListBinsResponse{Bins: bins})
			}
			t := o.table()
			for _, b := range bins {
				fmt.Fprintf(t, "%s\t%s\t%d clips\tof %s\n", b.GetId(), b.GetName(), b.GetClipCount(), b.GetOwner())
			}
			return t.Flush()
		},
	}
}

func newBinsNew(o *output, h *home) *cobra.Command {
	var notes string
	c := &cobra.Command{
		Use: "new NAME", Short: "Make a bin", Example: "  cinedex bins new storms --notes 'for the trailer'", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			c, err := h.bins(o, "")
			if err != nil {
				return err
			}
			r, err := c.CreateBin(cmd.Context(), connect.NewRequest(&pb.CreateBinRequest{Name: a[0], Notes: notes}))
			if err != nil {
				return h.explain(c.e, err)
			}
			if o.json {
				return o.message(r.Msg)
			}
			printBin(o, r.Msg.GetBin())
			return nil
		},
	}
	c.Flags().StringVar(&notes, "notes", "", "notes of the bin")
	return c
}

func newBinsShow(o *output, h *home) *cobra.Command {
	var link string
	c := &cobra.Command{
		Use: "show BIN", Short: "Show a bin with its clips", Example: "  cinedex bins show storms\n  cinedex bins show storms --json | jq '.clips | length'", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			c, err := h.bins(o, link)
			if err != nil {
				return err
			}
			b, err := c.find(cmd.Context(), a[0])
			if err != nil {
				return err
			}
			if o.json {
				return o.message(b)
			}
			printBin(o, b)
			return nil
		},
	}
	c.Flags().StringVar(&link, "link", "", "the secret of a link; BIN is the id then")
	return c
}

// newBinCommand is a command about the bin that the first argument names.
func newBinCommand(o *output, h *home, c *cobra.Command, run func(ctx context.Context, client *binClient, b *pb.Bin, a []string) error) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, a []string) error {
		client, err := h.bins(o, "")
		if err != nil {
			return err
		}
		b, err := client.find(cmd.Context(), a[0])
		if err != nil {
			return err
		}
		return run(cmd.Context(), client, b, a[1:])
	}
	return c
}

// newBinEdit is a command that edits a bin. edits makes the edits of the bin from the arguments behind the bin.
func newBinEdit(o *output, h *home, c *cobra.Command, edits func(ctx context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error)) *cobra.Command {
	return newBinCommand(o, h, c, func(ctx context.Context, client *binClient, b *pb.Bin, a []string) error {
		made, err := edits(ctx, b, a)
		if err != nil {
			return err
		}
		return client.edit(ctx, b, made...)
	})
}

func newBinsRemove(o *output, h *home) *cobra.Command {
	c := &cobra.Command{Use: "remove BIN CLIP...", Short: "Remove clips; the history keeps them", Example: "  cinedex bins remove storms 2 3", Args: args(cobra.MinimumNArgs(2))}
	return newBinEdit(o, h, c, func(_ context.Context, b *pb.Bin, a []string) (edits []*pb.BinEdit, err error) {
		for _, named := range a {
			id, err := clipOf(b, named)
			if err != nil {
				return nil, err
			}
			edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: id}}})
		}
		return edits, nil
	})
}

func newBinsMove(o *output, h *home) *cobra.Command {
	var after string
	c := &cobra.Command{Use: "move BIN CLIP", Short: "Move a clip to the beginning, or behind another clip", Example: "  cinedex bins move storms 5 --after 1", Args: args(cobra.ExactArgs(2))}
	c.Flags().StringVar(&after, "after", "", "the clip behind which the clip goes")
	return newBinEdit(o, h, c, func(_ context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		id, err := clipOf(b, a[0])
		if err != nil {
			return nil, err
		}
		behind := ""
		if after != "" {
			if behind, err = clipOf(b, after); err != nil {
				return nil, err
			}
		}
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Move{Move: &pb.MoveClip{Clip: id, After: behind}}}}, nil
	})
}

func newBinsNote(o *output, h *home) *cobra.Command {
	var colour string
	c := &cobra.Command{Use: "note BIN CLIP NOTES", Short: "Write the notes and the colour of a clip", Example: "  cinedex bins note storms 2 'the best wave' --colour green", Args: args(cobra.ExactArgs(3))}
	c.Flags().StringVar(&colour, "colour", "", "one of "+strings.Join(bins.Colours[1:], ", "))
	return newBinEdit(o, h, c, func(_ context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		id, err := clipOf(b, a[0])
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Note{Note: &pb.NoteClip{Clip: id, Notes: a[1], Colour: colour}}}}, err
	})
}

func newBinsName(o *output, h *home) *cobra.Command {
	var notes string
	c := &cobra.Command{Use: "name BIN NAME", Short: "Give a bin another name, and notes", Example: "  cinedex bins name storms 'storms, first cut'", Args: args(cobra.ExactArgs(2))}
	c.Flags().StringVar(&notes, "notes", "", "notes of the bin; without the flag the notes stay")
	return newBinEdit(o, h, c, func(_ context.Context, b *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		if !c.Flags().Changed("notes") {
			notes = b.GetNotes()
		}
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: a[0], Notes: notes}}}}, nil
	})
}

func newBinsShare(o *output, h *home) *cobra.Command {
	var edit bool
	var lasts time.Duration
	c := &cobra.Command{
		Use: "share BIN WITH", Short: "Share a bin with a person, a group, a role, everybody, or by a link",
		Long: `WITH is name:NAME, group:GROUP, role:ROLE, everybody, or link. A link's secret is printed once. Nobody sees a clip of a title that the
person's own token may not see.`,
		Example: "  cinedex bins share storms group:editors --edit\n  cinedex bins share storms link --for 168h", Args: args(cobra.ExactArgs(2)),
	}
	c.Flags().BoolVar(&edit, "edit", false, "they may edit, too")
	c.Flags().DurationVar(&lasts, "for", 0, "how long the share lasts; 0 is for ever")
	return newBinEdit(o, h, c, func(_ context.Context, _ *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		s := &pb.Share{With: a[0], Edit: edit}
		if lasts != 0 {
			s.UntilMs = time.Now().Add(lasts).UnixMilli()
		}
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Share{Share: &pb.ShareBin{Share: s}}}}, nil
	})
}

func newBinsUnshare(o *output, h *home) *cobra.Command {
	c := &cobra.Command{Use: "unshare BIN WITH", Short: "End a share, or a link", Example: "  cinedex bins unshare storms group:editors", Args: args(cobra.ExactArgs(2))}
	return newBinEdit(o, h, c, func(_ context.Context, _ *pb.Bin, a []string) ([]*pb.BinEdit, error) {
		return []*pb.BinEdit{{Edit: &pb.BinEdit_Unshare{Unshare: &pb.UnshareBin{With: a[0]}}}}, nil
	})
}

func newBinsDelete(o *output, h *home) *cobra.Command {
	c := &cobra.Command{Use: "delete BIN", Short: "Delete a bin of your own, with its history", Example: "  cinedex bins delete storms", Args: args(cobra.ExactArgs(1))}
	return newBinCommand(o, h, c, func(ctx context.Context, client *binClient, b *pb.Bin, _ []string) error {
		_, err := client.DeleteBin(ctx, connect.NewRequest(&pb.DeleteBinRequest{Bin: b.GetId(), Seen: b.GetRevision()}))
		return h.explain(client.e, err)
	})
}
