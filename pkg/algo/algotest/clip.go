package algotest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// A Clip is a short film for trying algorithms, with its text tracks.
type Clip struct {
	Asset *pb.Asset
	Clock schema.Clock

	path   string
	reader *media.Reader
	cues   map[string][]timedtext.Cue // by the track's sha256
	frames map[media.FrameSpec][]algo.Frame
}

// OpenClip probes the film at path, and reads the text tracks inside the film. The film should be some seconds long: all frames are kept in memory,
// in each size that an algorithm asks for.
func OpenClip(ctx context.Context, reader *media.Reader, path string) (*Clip, error) {
	film, err := reader.Probe(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("probing the clip: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the clip: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("reading the clip: %w", err)
	}
	a := film.Asset
	a.Sha256 = hex.EncodeToString(h.Sum(nil))
	a.Id = schema.AssetID(a.Sha256)
	a.Title = &pb.Title{Id: "clip", Name: "clip"}
	c := &Clip{Asset: a, path: path, reader: reader, cues: make(map[string][]timedtext.Cue), frames: make(map[media.FrameSpec][]algo.Frame)}
	if a.GetVideo() != nil {
		if c.Clock, err = film.Clock(); err != nil {
			return nil, err
		}
	}
	for i, t := range a.GetText() {
		text, err := reader.TextTrack(ctx, path, film, t)
		if err != nil {
			return nil, fmt.Errorf("reading text track %d: %w", i, err)
		}
		c.addCues(t, text.Cues)
	}
	return c, nil
}

// AddText adds a text track from outside the film's file.
func (c *Clip) AddText(language string, cues []timedtext.Cue) {
	t := &pb.TextTrack{Language: language, Format: "webvtt", Role: "subtitles", Index: -1}
	c.Asset.Text = append(c.Asset.Text, t)
	c.addCues(t, cues)
}

func (c *Clip) addCues(t *pb.TextTrack, cues []timedtext.Cue) {
	sum := sha256.Sum256(fmt.Append(nil, t.GetLanguage(), cues))
	t.Sha256, t.Cues = hex.EncodeToString(sum[:]), int32(len(cues))
	c.cues[t.GetSha256()] = cues
}

// decoded returns the frames of the clip in a size. Each size is decoded once.
func (c *Clip) decoded(ctx context.Context, spec media.FrameSpec) ([]algo.Frame, error) {
	if frames, ok := c.frames[spec]; ok {
		return frames, nil
	}
	stream, err := c.reader.Decode(ctx, media.Source{Path: c.path, Video: c.Asset.GetVideo(), Clock: c.Clock}, spec)
	if err != nil {
		return nil, fmt.Errorf("decoding the clip: %w", err)
	}
	defer stream.Close()
	var frames []algo.Frame
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("decoding the clip: %w", err)
		}
		if f.Pictures[0] != nil {
			frames = append(frames, algo.Frame{N: f.N, Picture: f.Pictures[0]})
		}
	}
	c.frames[spec] = frames
	return frames, nil
}
