package operating

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Frames place a row in frames and SMPTE timecode, as hits are placed: an end is the frame after the last. Frames are missing where the asset has no
// pictures, and where the asset's frame table is lost. The manifest names lost frame tables.
type Frames struct {
	StartFrame    *int64 `json:"start_frame,omitempty" parquet:"start_frame,optional"`
	EndFrame      *int64 `json:"end_frame,omitempty" parquet:"end_frame,optional"`
	StartTimecode string `json:"start_timecode,omitempty" parquet:"start_timecode"`
	EndTimecode   string `json:"end_timecode,omitempty" parquet:"end_timecode"`
}

// A picture counts the frames of an asset. The zero picture counts none.
type picture struct {
	clock schema.Clock
	scale schema.TimecodeScale
}

func (p picture) frames(start, end int64) (f Frames) {
	if p.clock == nil {
		return f
	}
	from, to := schema.FrameSpan(p.clock, schema.Interval{Start: schema.Time(start), End: schema.Time(end)})
	return Frames{&from, &to, p.scale.Format(from), p.scale.Format(to)}
}

// picturesOf returns how frames are counted in each asset. lost names the assets whose frame table is missing or damaged, with the reason; rows of
// such assets have no frames. A bucket that does not answer is an error.
func (b *batcher) picturesOf(ctx context.Context, all []wantedRun) (pictures map[string]picture, lost map[string]string, err error) {
	pictures, lost = map[string]picture{}, map[string]string{}
	for _, w := range all {
		id := w.asset.GetId()
		if _, known := pictures[id]; known || w.asset.GetVideo() == nil {
			continue
		}
		pictures[id], err = b.pictureOf(ctx, w.asset.GetVideo())
		switch {
		case err == nil:
		case errkind.Of(err).Retryable():
			return nil, nil, fmt.Errorf("reading the frame table of %s: %w", id, err)
		default:
			lost[id] = err.Error()
		}
	}
	return pictures, lost, nil
}

func (b *batcher) pictureOf(ctx context.Context, v *pb.VideoTrack) (p picture, err error) {
	p.clock, err = schema.ReadClock(v, func(ref *pb.MediaRef) ([]byte, error) { return b.bucket.Read(ctx, ref, maxArtefact) })
	switch {
	case err == nil:
	case errkind.Is(err, errkind.NotFound):
		return picture{}, errkind.New(errkind.NotFound, "the frame table is not in Cinedex's bucket: restore it from a backup")
	case errkind.Is(err, errkind.Invalid) && v.GetVariableRate():
		return picture{}, errkind.New(errkind.Invalid, "the frame table is damaged: restore it from a backup")
	default:
		return picture{}, err
	}
	if p.scale, err = schema.NewTimecodeScale(v); err != nil {
		return picture{}, err
	}
	return p, nil
}
