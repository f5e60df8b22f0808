package searchapi

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"io"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// exportsAtOnce is how many programs read films for all exports together. An export waits for its turn.
const exportsAtOnce = 2

// films gives exports pictures and films.
type films struct {
	frames
	turns chan struct{}
}

func newFilms(f frames) *films { return &films{f, make(chan struct{}, exportsAtOnce)} }

// enter waits for a turn. The caller MUST call leave.
func (f *films) enter(ctx context.Context) (leave func(), err error) {
	select {
	case f.turns <- struct{}{}:
		return func() { <-f.turns }, nil
	case <-ctx.Done():
		return nil, errkind.New(errkind.Cancelled, "waiting for a turn: %w", context.Cause(ctx))
	}
}

// Picture implements rpcapi.Films.
func (f *films) Picture(ctx context.Context, a *pb.Asset, clock schema.Clock, n int64) ([]byte, error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	picture, err := f.at(ctx, a, clock, n)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 80}); err != nil {
		return nil, fmt.Errorf("encoding frame %d: %w", n, err)
	}
	return b.Bytes(), nil
}

// Open implements rpcapi.Films.
func (f *films) Open(ctx context.Context, a *pb.Asset) (io.ReadCloser, int64, error) {
	file, err := f.blobs.OpenAsset(ctx, a)
	if err != nil {
		return nil, 0, err
	}
	return file, file.Size, nil
}

// Cut implements rpcapi.Films.
func (f *films) Cut(ctx context.Context, a *pb.Asset, clock schema.Clock, c media.Cut, w io.Writer) (first int64, err error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	file, err := f.blobs.OpenAsset(ctx, a)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return cutFilm(ctx, f, file, a, clock, c, w)
}

func cutFilm(ctx context.Context, f *films, file *blob.AssetFile, a *pb.Asset, clock schema.Clock, c media.Cut, w io.Writer) (first int64, err error) {
	src := media.Source{Path: file.Path(), Video: a.GetVideo(), Clock: clock}
	if scale, err := schema.NewTimecodeScale(a.GetVideo()); err == nil && !a.GetVideo().GetVariableRate() {
		c.Timecode = scale.Format
	}
	if first, err = f.reader.WriteCut(ctx, src, c, w); err != nil {
		return 0, unreadable(f.log, fmt.Sprintf("cutting frames %d to %d of %s", c.Start, c.End, a.GetId()), a.GetId(), err)
	}
	return first, file.Unchanged()
}
