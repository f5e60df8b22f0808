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

// A Clip is a short film for trying algorithms, with its text tracks. A Clip with an Asset alone is a film of text.
type Clip struct {
	Asset *pb.Asset
	Clock schema.Clock

	path   string
	reader *media.Reader
	cues   map[string][]timedtext.Cue // by the track's sha256
	frames map[media.FrameSpec][]algo.Frame
	sound  map[heard][]algo.Samples
	// inputs are the results that Check and Run have made over the clip, by registry: most algorithms read the shots.
	inputs map[*algo.Registry]map[string]*Result
}

// resultsOf returns the results over the clip by algorithm.
func (c *Clip) resultsOf(reg *algo.Registry) map[string]*Result {
	if c.inputs[reg] == nil {
		if c.inputs == nil {
			c.inputs = map[*algo.Registry]map[string]*Result{}
		}
		c.inputs[reg] = map[string]*Result{}
	}
	return c.inputs[reg]
}

// heard is a sound track, by its index, in a form.
type heard struct {
	track int32
	spec  media.SoundSpec
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
	c := &Clip{Asset: a, path: path, reader: reader, cues: make(map[string][]timedtext.Cue), frames: make(map[media.FrameSpec][]algo.Frame),
		sound: make(map[heard][]algo.Samples)}
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
	if c.cues == nil {
		c.cues = make(map[string][]timedtext.Cue)
	}
	t.Sha256, t.Cues = hex.EncodeToString(sum[:]), int32(len(cues))
	c.cues[t.GetSha256()] = cues
	c.inputs = nil // results without the text
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

// heard returns the sound of a track. Each form of a track is decoded once.
func (c *Clip) heard(ctx context.Context, track *pb.AudioTrack, spec media.SoundSpec) ([]algo.Samples, error) {
	key := heard{track.GetIndex(), spec}
	if blocks, ok := c.sound[key]; ok {
		return blocks, nil
	}
	var blocks []algo.Samples
	for b, err := range (algo.Film{Path: c.path, Asset: c.Asset, Clock: c.Clock}).Sound(ctx, c.reader, track, spec) {
		if err != nil {
			return nil, fmt.Errorf("decoding the clip's sound: %w", err)
		}
		blocks = append(blocks, b)
	}
	c.sound[key] = blocks
	return blocks, nil
}
