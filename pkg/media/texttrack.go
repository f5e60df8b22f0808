package media

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// TextTrack extracts a text track that lies inside the film at path. index is the
// stream's, as Probe told it; start is the picture's place on the container's clock.
func (r *Reader) TextTrack(ctx context.Context, path string, index int32, start schema.Time) (*timedtext.Track, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.ProbeTimeout,
		errkind.New(errkind.Invalid, "%s takes longer than %s to read a text track of", nameOf(path), r.cfg.ProbeTimeout))
	defer cancel()
	if _, err := r.inspect(path); err != nil {
		return nil, err
	}
	url, err := fileURL(path)
	if err != nil {
		return nil, err
	}
	args := append(sandboxed("-v", "error", "-nostdin", "-copyts"), "-i", url,
		"-map", fmt.Sprintf("0:%d", index), "-f", "webvtt", "pipe:1")
	var data []byte
	stderr, err := r.run(ctx, r.tools.FFmpeg, args, func(out io.Reader) (err error) {
		data, err = io.ReadAll(io.LimitReader(out, timedtext.MaxBytes+1))
		if len(data) > timedtext.MaxBytes {
			return fmt.Errorf("a text track has more than %d bytes: %w", timedtext.MaxBytes, ErrTooLarge)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("extracting text track %d: %w", index, explain(path, stderr, err))
	}
	t, err := timedtext.Parse(data, timedtext.Options{Format: "webvtt"})
	if err != nil {
		return nil, fmt.Errorf("extracting text track %d: %w", index, err)
	}
	for i := range t.Cues {
		t.Cues[i].Start = max(t.Cues[i].Start-start, 0)
		t.Cues[i].End = max(t.Cues[i].End-start, 0)
	}
	t.Cues = slices.DeleteFunc(t.Cues, func(c timedtext.Cue) bool { return c.End <= c.Start })
	return t, nil
}
