package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newImport(o *output, h *home) *cobra.Command {
	m, side := &pb.MediaArrived{Title: &pb.Title{}}, &pb.SideCar{Role: schema.RoleMarkers}
	var wait bool
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Bring markers or an edit list of an editing program to a film",
		Long: `Reads markers (Resolve, Media Composer, OpenTimelineIO, Final Cut Pro, a table) or the events of an EDL, and keeps them
as annotations of the kind marker: marker: finds them. A file of the same name replaces the markers of before.

Labels count from the film's start timecode. Where the timeline of the editing program begins elsewhere, --start-timecode names the timecode
of the film's first frame in the file.`,
		Example: `  cinedex import notes.edl --asset 4f2a…
  cinedex import markers.txt --format avid --asset 4f2a… --start-timecode 01:00:00:00 --language de
  cinedex search 'marker:reshoot'`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if m.GetAsset() == "" {
				return usage(cmd, fmt.Errorf("--asset: name the film that the markers belong to; `cinedex status` shows the assets"))
			}
			return importMarkers(cmd.Context(), o, h, m, side, a[0], wait)
		},
	}
	f := c.Flags()
	_ = c.RegisterFlagCompletionFunc("format", h.complete(oneOf(handoff.ReadFormats()...)))
	f.StringVar(&m.Asset, "asset", "", "the film")
	f.StringVar(&side.Format, "format", "", strings.Join(handoff.ReadFormats(), ", ")+"; empty means by the file's name and content")
	f.StringVar(&side.Language, "language", "und", "the language of the markers (BCP 47)")
	f.StringVar(&side.Name, "name", "", "the name of the markers; empty means the file's name")
	f.StringVar(&side.StartTimecode, "start-timecode", "", "the timecode that the file gives the first frame of the film; empty means the film's own")
	f.BoolVar(&wait, "wait", false, "wait until searches find the markers")
	return c
}

// importMarkers sends the file along with an event that names the asset. The file is read here first, so that a wrong file is told at once.
func importMarkers(ctx context.Context, o *output, h *home, m *pb.MediaArrived, side *pb.SideCar, file string, wait bool) error {
	b, err := readMarkers(file)
	if err != nil {
		return err
	}
	side.Data = b
	if side.Name == "" {
		side.Name = filepath.Base(file)
	}
	client, e, err := h.client()
	if err != nil {
		return err
	}
	r, err := client.GetAsset(ctx, connect.NewRequest(&pb.GetAssetRequest{Asset: m.GetAsset()}))
	if err != nil {
		return h.explain(e, err)
	}
	a := r.Msg.GetAsset()
	if err := checkMarkers(a, side, o); err != nil {
		return err
	}
	m.Title.Id, m.Text = a.GetTitle().GetId(), []*pb.SideCar{side}
	return announce(ctx, o, h, m, wait)
}

// readMarkers reads a file that fits into an event.
func readMarkers(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening the markers: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, schema.MaxSideCar+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the markers: %w", err)
	case len(b) == 0:
		return nil, errkind.New(errkind.Invalid, "%s is empty", file)
	case len(b) > schema.MaxSideCar:
		return nil, errkind.New(errkind.Invalid, "%s has more than %d KiB, the most that is imported: export the markers alone, or ingest the film with the file beside it (SideCar.url with the role markers)", file, schema.MaxSideCar>>10)
	}
	return b, nil
}

// checkMarkers reads markers as the ingestor will. The frame table of a variable rate is not at hand here, and such a film is left to the ingestor.
func checkMarkers(a *pb.Asset, side *pb.SideCar, o *output) error {
	if a.GetVideo().GetVariableRate() {
		return nil
	}
	clock, err := schema.ClockOf(a.GetVideo(), nil)
	if err != nil {
		return fmt.Errorf("markers count pictures: %w", err)
	}
	source, err := handoff.NewSource(a, clock, a.GetTitle().GetName())
	if err != nil {
		return err
	}
	r, err := handoff.Read(side.GetData(), handoff.ReadOptions{Format: side.GetFormat(), Name: side.GetName(), Source: source, Start: side.GetStartTimecode(), AnyMedia: true})
	if err != nil {
		return err
	}
	for _, n := range slices.Compact(r.Notes) {
		o.note("%s", n)
	}
	o.note("%d markers", len(r.Markers))
	return nil
}
