package proxy

import (
	"context"
	"log/slog"
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/fmp4"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "proxy"

const (
	// The greatest size of a proxy. The encoding of larger pictures takes more than half the length of the film on two processors.
	maxWidth, maxHeight = 960, 540
	// KeyEvery is the distance of key pictures in frames. A seek decodes as many pictures at most.
	KeyEvery = 12
	// pieceFrames is the number of frames of a piece: about ten seconds.
	pieceFrames = 20 * KeyEvery
	// variableScale is the number of ticks in a second of a film of variable rate.
	variableScale = 90_000
	soundRate     = 48_000
	maxChannels   = 8
)

// Algorithm is the algorithm "proxy".
type Algorithm struct{ ffmpeg func() (string, error) }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(func() (string, error) { return m.Cache.Tool("ffmpeg") })}
}

// New returns the algorithm over the program ffmpeg.
func New(ffmpeg func() (string, error)) Algorithm { return Algorithm{ffmpeg} }

var spec = &pb.AlgorithmSpec{
	Name: "proxy", Version: "1", Summary: "A small film for browsers, of which every frame is a frame of the asset",
	Reads:  []string{schema.ReadsVideo},
	Kinds:  []string{Kind},
	Frames: &pb.FramesSpec{Width: maxWidth},
	Sound:  &pb.SoundSpec{Rate: soundRate, EveryChannel: true},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Role: pb.KindRole_KIND_ROLE_PROXY, Shown: &pb.Shown{Label: "Proxy", Hint: "A small film for browsers", Icon: "picture"},
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec {
	w, h := Size(a.GetVideo())
	return media.FrameSpec{Width: w, Height: h, Fit: media.Squeeze}
}

// Size returns the size of the proxy of pictures: the shape of the pictures, and never larger than the pictures.
func Size(v *pb.VideoTrack) (width, height int) {
	w, h := float64(max(v.GetWidth(), 2)), float64(max(v.GetHeight(), 2))
	if v.GetSarNum() > 0 && v.GetSarDen() > 0 {
		w *= float64(v.GetSarNum()) / float64(v.GetSarDen())
	}
	scale := min(1, maxWidth/w, maxHeight/h)
	even := func(x float64) int { return max(2*int(math.Round(x/2)), 16) }
	return even(w * scale), even(h * scale)
}

// Annotate implements algo.Algorithm.
func (a Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	if !media.NeedsProxy(in.Asset()) {
		return nil
	}
	ffmpeg, err := a.ffmpeg()
	if err != nil {
		return err
	}
	encoder := media.NewEncoder(ffmpeg, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w, h := Size(in.Asset().GetVideo())
	pictures, err := encoder.Pictures(ctx, w, h, KeyEvery)
	if err != nil {
		return err
	}
	defer pictures.Close()
	m := &muxer{clock: in.Clock(), out: out, pictures: fmp4.NewPictures(pictures), video: fmp4.Video{Width: w, Height: h, Timescale: Timescale(in.Asset().GetVideo())}}
	var feeding feeders
	defer feeding.wait()
	defer cancel(nil)
	feeding.start(cancel, pictures, func() error { return showTo(ctx, in, pictures) })
	if tracks := soundOf(in.Asset()); len(tracks) > 0 {
		channels := len(tracks)
		if channels == 1 {
			channels = int(tracks[0].GetChannels())
		}
		sound, err := encoder.Sound(ctx, soundRate, channels)
		if err != nil {
			return err
		}
		defer sound.Close()
		m.blocks, m.channels = fmp4.NewBlocks(sound), min(channels, 2)
		feeding.start(cancel, sound, func() error { return playTo(ctx, in, tracks, sound) })
	}
	if err := m.run(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}

// Timescale returns the ticks in a second of the pictures of a proxy. A frame of a constant rate is a whole number of ticks. Browsers round the time of
// a seek to ticks, so a tick is far shorter than a frame: with a tick for each frame of 25, Chromium goes to the frame after the middle of a frame.
func Timescale(v *pb.VideoTrack) uint32 {
	if r := v.GetRate(); !v.GetVariableRate() && r.GetNum() > 0 {
		num := uint32(r.GetNum()) //nolint:gosec // more than 0
		return num * ((variableScale + num - 1) / num)
	}
	return variableScale
}

// soundOf returns the track of the proxy, or two mono tracks that are left and right.
func soundOf(a *pb.Asset) []*pb.AudioTrack {
	all := a.GetAudio()
	switch {
	case len(all) == 0 || all[0].GetChannels() < 1 || all[0].GetChannels() > maxChannels:
		return nil
	case len(all) > 1 && all[0].GetChannels() == 1 && all[1].GetChannels() == 1 && all[0].GetLanguage() == all[1].GetLanguage():
		return all[:2]
	}
	return all[:1]
}

// start is the time of frame n in ticks.
func (m *muxer) start(n int64) uint64 {
	t, scale := m.clock.FrameStart(n), int64(m.video.Timescale)
	whole, rest := int64(t/schema.Second), int64(t%schema.Second)
	return uint64(whole*scale + (rest*scale+int64(schema.Second)/2)/int64(schema.Second)) //nolint:gosec // from frame 0 on
}

// A muxer makes pieces of encoded pictures and sound.
type muxer struct {
	clock    schema.Clock
	out      algo.Output
	pictures *fmp4.Pictures
	video    fmp4.Video
	blocks   *fmp4.Blocks // nil without sound
	channels int
	// block is the block of sound that comes next, and heard is the number of blocks that were written. ended is set after the last.
	block []byte
	heard uint64
	ended bool

	number uint32 // of the last fragment
	piece  piece
	begun  bool // the first annotation was written
}

// A piece is the fragments of an annotation.
type piece struct {
	first     int64
	data      []byte
	fragments []byte
}

func (m *muxer) run(ctx context.Context) error {
	var group []fmp4.Sample
	first := int64(0) // the first frame of group
	total := m.clock.Frames()
	for n := int64(0); n <= total; n++ {
		pic, err := m.next(n)
		if err != nil {
			return err
		}
		if len(group) > 0 && (n == total || pic.Key) {
			if err := m.fragment(first, group, n == total); err != nil {
				return err
			}
			if n == total || n-m.piece.first >= pieceFrames {
				if err := m.keep(ctx, n); err != nil {
					return err
				}
			}
			group, first = nil, n
		}
		if n < total {
			group = append(group, fmp4.Sample{Key: pic.Key, Duration: uint32(m.start(n+1) - m.start(n)), Data: pic.Data}) //nolint:gosec // the length of a frame
		}
		m.out.Progress(n, total)
	}
	return nil
}
