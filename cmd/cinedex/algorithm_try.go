package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/url"
	"path/filepath"
	"slices"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// quietLog is for commands whose only reader is a person.
var quietLog = slog.New(slog.DiscardHandler)

func newAlgorithmTry(o *output, h *home) *cobra.Command {
	t := trial{from: settings{}}
	var address string
	c := &cobra.Command{
		Use:   "try [FILE]",
		Short: "Execute an algorithm over a title, and print the annotations; nobody else sees anything",
		Long: `Executes the algorithms of the file over an asset of the running Cinedex, and prints the annotations as they are written.
Nothing reaches the log, the store or the search engine. The output of other algorithms is the output that readers see.`,
		Example: "  cinedex algorithm try brightness.py --title big-buck-bunny\n  cinedex algorithm try brightness.py --title big-buck-bunny --limit 5 --json",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			if (len(a) == 1) == (address != "") {
				return usage(cmd, errors.New("a FILE or --address is needed"))
			}
			if (t.title == "") == (t.asset == "") {
				return usage(cmd, errors.New("--title or --asset is needed"))
			}
			if len(a) == 1 {
				t.script.file = a[0]
				if err := t.script.check(); err != nil {
					return err
				}
			}
			return t.run(cmd.Context(), o, h, address)
		},
	}
	t.script.flags(c)
	t.from.flags(c, "YAML file of the running Cinedex, for media in buckets")
	c.Flags().StringVar(&t.title, "title", "", "the title to watch")
	c.Flags().StringVar(&t.asset, "asset", "", "the asset to watch")
	c.Flags().IntVarP(&t.limit, "limit", "n", 0, "end after so many annotations; 0 watches the whole title")
	c.Flags().StringVar(&address, "address", "", "the host:port of a worker that runs already")
	return c
}

// A trial is an execution of a command, outside the platform.
type trial struct {
	script       script
	from         settings
	title, asset string
	limit        int
}

// run executes every algorithm of the worker.
func (t *trial) run(ctx context.Context, o *output, h *home, address string) error {
	in, err := t.open(ctx, h)
	if err != nil {
		return err
	}
	defer in.close()
	w, err := serveAlone(ctx, t.script, address, o.err)
	if err != nil {
		return err
	}
	defer w.close()
	for _, a := range w.algorithms {
		if err := t.execute(ctx, o, in, a); err != nil {
			return fmt.Errorf("%s: %w", catalog.ID(a.Spec()), err)
		}
	}
	return nil
}

// errEnough ends an execution that has printed as much as was wanted.
var errEnough = errors.New("enough")

func (t *trial) execute(ctx context.Context, o *output, in *tried, a algo.Algorithm) error {
	for _, need := range a.Spec().GetNeeds() {
		if _, _, space := schema.ParseSpaceID(need); space == nil {
			return errkind.New(errkind.Invalid, "the algorithm needs the space %s, which no command can read: serve the algorithm by `cinedex algorithm run`", need)
		}
	}
	in.algorithm = a
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := &printed{o: o, asset: in.film.Asset, clock: in.film.Clock, limit: t.limit, enough: func() { cancel(errEnough) }}
	if a, limited := a.(interface {
		Begin(context.Context) (func(), error)
	}); limited {
		end, err := a.Begin(ctx)
		if err != nil {
			return err
		}
		defer end()
	}
	err := a.Annotate(ctx, in, out)
	if err != nil && !errors.Is(context.Cause(ctx), errEnough) {
		return err
	}
	o.note("%s: %s, %s and %s; nothing was kept", catalog.ID(a.Spec()), countOf(out.annotations, "annotation"), countOf(out.embeddings, "embedding"), countOf(out.blobs, "blob"))
	return nil
}

// open finds the asset in the library, and opens the film.
func (t *trial) open(ctx context.Context, h *home) (in *tried, err error) {
	cfg, err := t.from.load(h)
	if err != nil {
		return nil, err
	}
	client, _, err := h.client()
	if err != nil {
		return nil, err
	}
	asset, err := t.find(ctx, h)
	if err != nil {
		return nil, err
	}
	if u, err := url.Parse(asset.GetMedia().GetBucket()); err == nil && u.Scheme == "file" {
		cfg.Blobs.Roots = append(cfg.Blobs.Roots, filepath.FromSlash(u.Path)) // whoever types the command may read the file, or cannot
	}
	in = &tried{client: client, film: algo.Film{Asset: asset}}
	defer func() {
		if err != nil {
			in.close()
		}
	}()
	if in.blobs, err = blob.Open(ctx, cfg.Blobs, blob.Deps{}); err != nil {
		return in, err
	}
	if in.file, err = in.blobs.OpenAsset(ctx, asset); err != nil {
		return in, fmt.Errorf("opening the film: %w", err)
	}
	in.film.Path = in.file.Path()
	if asset.GetVideo() != nil {
		const most = 64 << 20
		in.film.Clock, err = schema.ReadClock(asset.GetVideo(), func(ref *pb.MediaRef) ([]byte, error) { return in.blobs.Read(ctx, ref, most) })
		if err != nil {
			return in, err
		}
	}
	in.reader, _, err = filmReader()
	return in, err
}

// find returns the asset of the flags as the log has the asset.
func (t *trial) find(ctx context.Context, h *home) (*pb.Asset, error) {
	log, err := h.log(ctx)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	all, err := log.Snapshot(ctx, events.MediaReady)
	if err != nil {
		return nil, fmt.Errorf("reading the library: %w", err)
	}
	titles := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		m, _ := all[id].Data.(*pb.MediaReady)
		a := m.GetAsset()
		titles[a.GetTitle().GetId()] = true
		if t.asset != "" && a.GetId() == t.asset || t.asset == "" && a.GetTitle().GetId() == t.title {
			return a, nil
		}
	}
	known := slices.Sorted(maps.Keys(titles))
	return nil, errkind.New(errkind.NotFound, "the library has no %s; the titles are %.1000q", cmp.Or(t.title, t.asset), known)
}

// tried is the input of a trial: algo.Input.
type tried struct {
	client    cinedexv1connect.SearchServiceClient
	blobs     *blob.Blobs
	file      *blob.AssetFile
	reader    *media.Reader
	film      algo.Film
	algorithm algo.Algorithm
}

func (in *tried) close() {
	if in.file != nil {
		_ = in.file.Close() // opened for reading
	}
	if in.blobs != nil {
		_ = in.blobs.Close()
	}
}

func (in *tried) Asset() *pb.Asset    { return in.film.Asset }
func (in *tried) Clock() schema.Clock { return in.film.Clock }

func (in *tried) Frames(ctx context.Context) iter.Seq2[algo.Frame, error] {
	return func(yield func(algo.Frame, error) bool) {
		spec := algo.FramesOf(in.algorithm.Spec(), in.film.Asset)
		stream, err := in.reader.Decode(ctx, media.Source{Path: in.film.Path, Video: in.film.Asset.GetVideo(), Clock: in.film.Clock}, spec)
		if err != nil {
			yield(algo.Frame{}, err)
			return
		}
		defer stream.Close()
		for {
			f, err := stream.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(algo.Frame{}, err)
				return
			}
			if f.Pictures[0] != nil && !yield(algo.Frame{N: f.N, Picture: f.Pictures[0]}, nil) {
				return
			}
		}
	}
}

func (in *tried) Sound(ctx context.Context, track *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	return in.film.Sound(ctx, in.reader, track, algo.SoundOf(in.algorithm.Spec()))
}

func (in *tried) Cues(ctx context.Context, track *pb.TextTrack) ([]timedtext.Cue, error) {
	if track.GetCues() == 0 {
		return nil, nil
	}
	b, err := in.blobs.Read(ctx, track.GetMedia(), timedtext.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading cues: %w", err)
	}
	text, err := timedtext.Parse(b, timedtext.Options{Format: "webvtt", Language: track.GetLanguage()})
	if err != nil {
		return nil, fmt.Errorf("reading cues: %w", err)
	}
	return text.Cues, nil
}

// Annotations yields what readers see of a kind.
func (in *tried) Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error] {
	return func(yield func(*pb.Annotation, error) bool) {
		for cursor, first := "", true; first || cursor != ""; first = false {
			r, err := in.client.ListAnnotations(ctx, connect.NewRequest(&pb.ListAnnotationsRequest{Asset: in.film.Asset.GetId(), Kinds: []string{kind}, Limit: 500, Cursor: cursor}))
			if err != nil {
				yield(nil, fmt.Errorf("reading annotations of kind %s: %w", kind, err))
				return
			}
			for _, a := range r.Msg.GetAnnotations() {
				if !yield(a, nil) {
					return
				}
			}
			cursor = r.Msg.GetCursor()
		}
	}
}

func (in *tried) Embeddings(context.Context, string) iter.Seq2[*pb.Embedding, error] {
	return func(yield func(*pb.Embedding, error) bool) {
		yield(nil, errkind.New(errkind.Invalid, "no command can read embeddings"))
	}
}

// printed is the output of a trial: algo.Output. Annotations are printed, and nothing is kept.
type printed struct {
	o                              *output
	asset                          *pb.Asset
	clock                          schema.Clock
	limit                          int
	enough                         func()
	annotations, embeddings, blobs int
}

func (p *printed) Annotation(ctx context.Context, a *pb.Annotation) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	a.Asset, a.Run, a.Ordinal = p.asset.GetId(), "trial", int64(p.annotations)
	p.annotations++
	if err := p.print(a); err != nil {
		return "", err
	}
	if p.annotations == p.limit {
		p.enough()
	}
	return schema.ItemID(a.GetRun(), a.GetOrdinal()), nil
}

func (p *printed) print(a *pb.Annotation) error {
	if p.o.json {
		b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(a)
		if err != nil {
			return fmt.Errorf("printing an annotation: %w", err)
		}
		p.o.printf("%s\n", b)
		return nil
	}
	said := cmp.Or(a.GetLabel(), a.GetText())
	if a.GetLabel() != "" && a.GetText() != "" {
		said = a.GetLabel() + ": " + a.GetText()
	}
	line := fmt.Sprintf("%s–%s  %s", p.at(a.GetStart()), p.at(a.GetEnd()), a.GetKind())
	if said != "" {
		line += "  " + said
	}
	if a.GetConfidence() < 1 {
		line += fmt.Sprintf("  %.2f", a.GetConfidence())
	}
	p.o.printf("%s\n", line)
	return nil
}

// at is a time as timecode, or as hours, minutes and seconds where the asset has no pictures.
func (p *printed) at(t int64) string {
	scale, err := schema.NewTimecodeScale(p.asset.GetVideo())
	if err != nil || p.clock == nil {
		return schema.Time(t).String()
	}
	return scale.Format(p.clock.FrameAt(schema.Time(t)))
}

func (p *printed) Embedding(ctx context.Context, _ *pb.Embedding) error {
	p.embeddings++
	return context.Cause(ctx)
}

func (p *printed) Blob(ctx context.Context, name, _ string, _ []byte) (*pb.MediaRef, error) {
	p.blobs++
	return &pb.MediaRef{Key: "trial/" + name}, context.Cause(ctx)
}

func (*printed) Progress(int64, int64) {}
