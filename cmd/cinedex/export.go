package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

func newExport(o *output, h *home) *cobra.Command {
	wanted, search := &pb.ExportRequest{}, &pb.SearchRequest{}
	var file, handles string
	c := &cobra.Command{
		Use:   "export [QUERY]",
		Short: "Hand the hits of a search, a bin, or whole kinds, to an editing program",
		Long: `Writes the matches of a search, the clips of a bin, or everything of a kind in a film, as a file of an editing program:

` + formatLines() + `
Points are frames: the source timecode, drop frame and the rate of each film are kept. docs/guides/hand-off.md has an example for each program.`,
		Example: `  cinedex export --format otio 'look:storm' -o storm.otio
  cinedex export --format edl 'dialogue:"we have to go"' --rate 23.976 --handles 12f -o go.edl
  cinedex export --format fcpxml --bin storms -o storms.fcpxml
  cinedex export --format csv --kind shot --asset 4f2a… -o shots.csv
  cinedex export --format edl --kind dialogue --asset 4f2a… --language de --reel A001 -o -`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			req := proto.CloneOf(wanted)
			n, err := frames(handles)
			if err != nil {
				return usage(cmd, err)
			}
			req.Handles = n
			if req.Bin, err = binID(cmd.Context(), o, h, req); err != nil {
				return err
			}
			if q := strings.Join(a, " "); q != "" || req.GetAsset() == "" && req.GetBin() == "" {
				req.Search = proto.CloneOf(search)
				req.Search.Q = q
			}
			return export(cmd.Context(), o, h, req, file)
		},
	}
	f := c.Flags()
	exportFlags(f, wanted)
	_ = c.RegisterFlagCompletionFunc("format", h.complete(oneOf(formatNames()...)))
	f.StringVarP(&file, "output", "o", "", "the file to write; - is the standard output; empty means a name from the query, in this folder")
	f.StringVar(&handles, "handles", "", "frames before and after each clip: 12f; without the flag the clips of a bin have their own handles")
	f.StringVar(&search.Order, "order", "score", "score or time")
	f.StringVar(&search.Profile, "profile", "", "the profile of an application that the service has")
	f.StringSliceVar(&search.Languages, "reads", nil, "a language that you read (BCP 47), the favourite first: lines come in that language where it is said")
	return c
}

// exportFlags are the flags for the clips and for the file of an export.
func exportFlags(f *pflag.FlagSet, wanted *pb.ExportRequest) {
	f.StringVar(&wanted.Format, "format", "otio", strings.Join(formatNames(), ", "))
	f.StringVar(&wanted.Asset, "asset", "", "with --kind: the asset whose annotations are exported")
	f.StringSliceVar(&wanted.Kinds, "kind", nil, "a kind of annotation, such as shot or dialogue; may be repeated")
	f.StringVar(&wanted.Bin, "bin", "", "a bin, by name or id, whose clips are exported")
	f.StringVar(&wanted.Link, "link", "", "with --bin: the secret of a link; the bin is given by id then")
	f.StringVar(&wanted.Name, "name", "", "the name of the sequence")
	f.Int32VarP(&wanted.Limit, "limit", "n", 0, "clips wanted, at most 20,000 (default 1000)")
	f.StringVar(&wanted.Reel, "reel", "", "the reel name of every clip, in place of names made from the files")
	f.StringVar(&wanted.Language, "language", "", "the language of annotations and subtitles (BCP 47)")
	f.StringVar(&wanted.RecordStart, "record-start", "", "the timecode of the first frame of the sequence (default 01:00:00:00)")
	f.StringVar(&wanted.Rate, "rate", "", "only films of this frame rate: 25, 23.976, 24000/1001")
	f.StringVar(&wanted.MediaBase, "media", "", "the URL of the folder where the editing program finds the films: file:///Volumes/films")
	f.BoolVar(&wanted.Media, "with-media", false, "with --format otioz: the films are in the bundle")
	f.BoolVar(&wanted.Exact, "exact", false, "with --format clips: encode the pictures anew, so that a clip has exactly its frames; otherwise a clip begins at the key frame before")
}

// binID returns the id of the bin that a request names; "" for a request without a bin.
func binID(ctx context.Context, o *output, h *home, req *pb.ExportRequest) (string, error) {
	if req.GetBin() == "" {
		return "", nil
	}
	c, err := h.bins(o, req.GetLink())
	if err != nil {
		return "", err
	}
	b, err := c.find(ctx, req.GetBin())
	return b.GetId(), err
}

func formatNames() (names []string) {
	for _, f := range handoff.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func formatLines() string {
	var b strings.Builder
	for _, f := range handoff.Formats() {
		fmt.Fprintf(&b, "  %-10s %s\n", f.Name, f.Summary)
	}
	return b.String()
}

// frames reads a number of frames: "12f" or "12".
func frames(s string) (int32, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "f"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("--handles %s: want a number of frames, such as 12f", s)
	}
	return int32(n), nil
}

// export writes the file. A file that exists is replaced when the new file is whole.
func export(ctx context.Context, o *output, h *home, req *pb.ExportRequest, file string) error {
	e, err := h.endpoint()
	if err != nil {
		return err
	}
	client := cinedexv1connect.NewExportServiceClient(e.client(0), e.Server)
	stream, err := client.Export(ctx, connect.NewRequest(req))
	if err != nil {
		return h.explain(e, err)
	}
	defer stream.Close()
	if !stream.Receive() {
		if err := stream.Err(); err != nil {
			return h.explain(e, err)
		}
		return errkind.New(errkind.Unavailable, "%s sent no file", e.Server)
	}
	about := stream.Msg().GetFile()
	if file == "" {
		file = filepath.Base(about.GetName())
	}
	if file == "-" {
		notes, err := receive(stream, o.out)
		return exported(o, h, e, about, file, notes, err)
	}
	notes, err := receiveFile(stream, file)
	return exported(o, h, e, about, file, notes, err)
}

// receive writes the bytes of a stream whose first message has been read.
func receive(stream *connect.ServerStreamForClient[pb.ExportResponse], w io.Writer) (notes []string, err error) {
	for {
		if _, err := w.Write(stream.Msg().GetData()); err != nil {
			return nil, fmt.Errorf("writing the file: %w", err)
		}
		notes = append(notes, stream.Msg().GetNotes()...)
		if !stream.Receive() {
			return notes, stream.Err()
		}
	}
}

// receiveFile writes a whole file or none.
func receiveFile(stream *connect.ServerStreamForClient[pb.ExportResponse], file string) (notes []string, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".cinedex-export-*")
	if err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	b := bufio.NewWriter(f)
	notes, err = receive(stream, b)
	if err = errors.Join(err, b.Flush(), f.Chmod(0o644), f.Close()); err != nil {
		return nil, err
	}
	return notes, os.Rename(f.Name(), file)
}

func exported(o *output, h *home, e endpoint, about *pb.ExportFile, file string, notes []string, err error) error {
	if err != nil {
		return h.explain(e, err)
	}
	if o.json && file != "-" {
		if notes == nil {
			notes = []string{}
		}
		return o.value(map[string]any{"file": file, "media_type": about.GetMediaType(), "clips": about.GetClips(), "notes": notes})
	}
	for _, n := range notes {
		o.note("%s", n)
	}
	o.note("%d clips in %s", about.GetClips(), file)
	return nil
}
