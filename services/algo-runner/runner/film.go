package runner

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A film is the bytes of a group's asset, opened at the first need, for pictures and for sound.
type film struct {
	opening sync.Mutex
	file    atomic.Pointer[blob.AssetFile] // nil until the film is opened
	err     error
}

// open returns the path of the bytes that arrived.
func (f *film) open(ctx context.Context, blobs *blob.Blobs, asset *pb.Asset) (path string, err error) {
	f.opening.Lock()
	defer f.opening.Unlock()
	if f.file.Load() == nil && f.err == nil {
		file, err := blobs.OpenAsset(ctx, asset)
		if err != nil {
			f.err = fmt.Errorf("opening the film: %w", err)
		} else {
			f.file.Store(file)
		}
	}
	if f.err != nil {
		return "", f.err
	}
	return f.file.Load().Path(), nil
}

// unchanged fails where the film was changed since the opening.
func (f *film) unchanged() error {
	if file := f.file.Load(); file != nil {
		return file.Unchanged()
	}
	return nil
}

func (f *film) close() {
	if file := f.file.Load(); file != nil {
		file.Close()
	}
}

// sound returns the decoding of sound tracks of the group's film in the form of spec.
func (g *group) sound(spec media.SoundSpec) func(context.Context, *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	return func(ctx context.Context, track *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
		return func(yield func(algo.Samples, error) bool) {
			path, err := g.film.open(ctx, g.s.deps.Blobs, g.asset)
			if err != nil {
				yield(algo.Samples{}, err)
				return
			}
			f := algo.Film{Path: path, Asset: g.asset, Clock: g.clock}
			f.Sound(ctx, g.s.deps.Reader, track, spec)(yield)
		}
	}
}
