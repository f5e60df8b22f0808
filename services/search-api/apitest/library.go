package apitest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/algo/transcript"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// The spaces of the gateway's queries.
const (
	Pictures  = "efficientnet-lite2@1"
	Pictures2 = "efficientnet-lite2@2" // another generation: the same pictures have other vectors
	Sentences = "e5-small@1"
	dimension = 64
)

// A Shot of a film is a colour for a number of seconds, with a label of the content.
type Shot struct {
	Seconds         int64
	Colour          color.RGBA
	Label           string
	LabelConfidence float32
}

// A Line is a line of dialogue between two seconds.
type Line struct {
	From, To            int64
	Language, Character string
	Text                string
}

// A Film is a test's description of an asset.
type Film struct {
	Title, Name, Series, Credit string
	Rate                        schema.Rate // 0 is 25 frames a second
	StartTimecode               string
	Shots                       []Shot
	Lines                       []Line
	// Heard are lines of speech, as heard. A film without such lines has no run of speech to text.
	Heard     []Line
	Media     *pb.MediaRef
	Sha256    string // of the media; if empty, made from the title
	Bytes     int64  // of the media
	Container string
	Late      schema.Time // where the pictures begin on the clock of the media, beside silence from 0 on
	Unshown   int64       // frames from the first on that cannot be shown
	Text      []*pb.TextTrack
	// Thumbnail gives the place of a shot's picture; with nil, the named blob does not exist.
	Thumbnail func(shot int) *pb.MediaRef
}

// Colours that the encoders distinguish.
var (
	Red   = color.RGBA{220, 20, 20, 255}
	Green = color.RGBA{20, 200, 20, 255}
	Blue  = color.RGBA{20, 40, 220, 255}
)

// A Library is a store and an engine in folders of the test.
type Library struct {
	Store  store.Store
	Engine search.Engine
	Blobs  *blob.Blobs
	Folder string // of Blobs' own bucket
	t      testing.TB
}

// New opens an empty library.
func New(t testing.TB) *Library {
	t.Helper()
	return Open(t, t.TempDir())
}

// Open opens the library of a folder. Close ends the library, and Open of the same folder is a restart.
func Open(t testing.TB, dir string) *Library {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir = filepath.Join(dir, "store")
	cfg.MinFreeBytes = 0
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	e, err := embedded.Open(filepath.Join(dir, "engine"), embedded.Config{Spaces: []*pb.Space{SpaceOf(Pictures), SpaceOf(Pictures2), SpaceOf(Sentences)}}, embedded.Deps{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	l := &Library{Store: s, Engine: e, t: t}
	l.openBlobs()
	return l
}

// Over is a library over a store and an engine that the test has opened.
func Over(t testing.TB, s store.Store, e search.Engine) *Library {
	t.Helper()
	l := &Library{Store: s, Engine: e, t: t}
	l.openBlobs()
	return l
}

// Close ends the store and the engine.
func (l *Library) Close() {
	l.t.Helper()
	if err := errors.Join(l.Engine.Close(), l.Store.Close()); err != nil {
		l.t.Fatal(err)
	}
}

// AssetOf is the id of the asset of a film with this title.
func AssetOf(title string) string {
	sum := sha256.Sum256([]byte(title))
	return schema.AssetID(hex.EncodeToString(sum[:]))
}

// Add puts a film into the library with a finished and active run of each algorithm.
func (l *Library) Add(f Film) *pb.Asset {
	l.t.Helper()
	rate := f.rate()
	var seconds int64
	for _, s := range f.Shots {
		seconds += s.Seconds
	}
	for _, line := range slices.Concat(f.Lines, f.Heard) {
		seconds = max(seconds, line.To)
	}
	if f.Sha256 == "" {
		f.Sha256 = fmt.Sprintf("%x", sha256.Sum256([]byte(f.Title)))
	}
	a := &pb.Asset{
		Id: AssetOf(f.Title), Sha256: f.Sha256, SizeBytes: f.Bytes, Media: f.Media, Container: f.Container, Text: f.Text,
		Title:    &pb.Title{Id: f.Title, Name: f.Name, Series: f.Series, Credit: f.Credit},
		Duration: int64(schema.Time(seconds) * schema.Second),
		Video: &pb.VideoTrack{Width: 64, Height: 36, Rate: &pb.FrameRate{Num: int32(rate.Num), Den: int32(rate.Den)},
			Frames: rate.FrameAt(schema.Time(seconds) * schema.Second), StartTimecode: f.StartTimecode, Start: int64(f.Late), UnshownFrames: f.Unshown},
	}
	if err := l.Store.PutAsset(l.t.Context(), a); err != nil {
		l.t.Fatal(err)
	}
	shots := l.run(a, "shots", "1")
	thumbnails := l.run(a, "thumbnails", "1")
	pictures := l.run(a, "pictures", "1")
	labels := l.run(a, "labels", "1")
	var at schema.Time
	for i, s := range f.Shots {
		end := at + schema.Time(s.Seconds)*schema.Second
		shot := shots.say(&pb.Annotation{Kind: schema.KindShot, Start: int64(at), End: int64(end), Confidence: 1})
		thumbnail := &pb.MediaRef{Key: fmt.Sprintf("none/%d.jpg", i)}
		if f.Thumbnail != nil {
			thumbnail = f.Thumbnail(i)
		}
		text := func(s string) *pb.Value { return &pb.Value{Kind: &pb.Value_Text{Text: s}} }
		thumbnails.say(&pb.Annotation{Kind: schema.KindThumbnail, Start: int64(at), End: int64(at + schema.Second/25), Confidence: 1,
			Attributes: map[string]*pb.Value{"bucket": text(thumbnail.GetBucket()), "blob": text(thumbnail.GetKey())}})
		for n := range s.Seconds { // a picture a second
			from := at + schema.Time(n)*schema.Second
			pictures.embed(&pb.Embedding{Space: Pictures, Start: int64(from), End: int64(from + schema.Second), Of: shot, Kind: schema.KindShot, Vector: colourVector(s.Colour)})
		}
		if s.Label != "" {
			labels.say(&pb.Annotation{Kind: schema.KindLabel, Start: int64(at), End: int64(end), Label: s.Label, Confidence: s.LabelConfidence})
		}
		at = end
	}
	for _, w := range []*writer{shots, thumbnails, pictures, labels} {
		l.Switch(w.finish(), "")
	}
	for _, r := range l.Said(a, "1", f.Lines) {
		l.Switch(r, "")
	}
	if len(f.Heard) > 0 {
		var heard []*pb.Annotation
		for _, line := range f.Heard {
			start, end := int64(schema.Time(line.From)*schema.Second), int64(schema.Time(line.To)*schema.Second)
			heard = append(heard, &pb.Annotation{Kind: transcript.Kind, Start: start, End: end, Text: line.Text, Language: line.Language, Confidence: HeardConfidence})
		}
		l.Wrote(a, "transcript", heard...)
	}
	return a
}

// HeardConfidence is the confidence of each line as heard.
const HeardConfidence = 0.75

// Said writes a run of dialogue and a run of its sentences, finished but not active.
func (l *Library) Said(a *pb.Asset, version string, lines []Line) []*pb.Run {
	l.t.Helper()
	dialogue, sentences := l.run(a, "dialogue", version), l.run(a, "sentences", version)
	for _, line := range lines {
		start, end := int64(schema.Time(line.From)*schema.Second), int64(schema.Time(line.To)*schema.Second)
		of := dialogue.say(&pb.Annotation{Kind: schema.KindDialogue, Start: start, End: end, Text: line.Text, Language: line.Language, Character: line.Character, Confidence: 1})
		sentences.embed(&pb.Embedding{Space: Sentences, Start: start, End: end, Of: of, Kind: schema.KindDialogue, Language: line.Language, Character: line.Character, Vector: wordsVector(line.Text)})
	}
	return []*pb.Run{dialogue.finish(), sentences.finish()}
}

// Seen writes a run of version 2 of pictures, into a space of its own, finished but not active.
func (l *Library) Seen(a *pb.Asset, shots []Shot) *pb.Run {
	l.t.Helper()
	pictures := l.run(a, "pictures", "2")
	var at schema.Time
	for _, s := range shots {
		for range s.Seconds {
			pictures.embed(&pb.Embedding{Space: Pictures2, Start: int64(at), End: int64(at + schema.Second), Kind: schema.KindShot, Vector: turned(colourVector(s.Colour))})
			at += schema.Second
		}
	}
	return pictures.finish()
}

// Catalog holds the declarations of Cinedex's own algorithms, and of candidates with runs written by the tests.
func Catalog() *catalog.Catalog {
	declared := builtin.Declarations()
	for _, d := range declared {
		if d.GetCandidate() {
			continue
		}
		switch d.GetAlgorithm().GetName() {
		case "pictures", "sentences", "dialogue":
			next := proto.CloneOf(d)
			next.Candidate, next.Algorithm.Version = true, "2"
			if d.GetAlgorithm().GetName() == "pictures" {
				next.Algorithm.Spaces[0].Version = "2"
				for _, a := range next.GetAlgorithm().GetAnswers() {
					a.Space = Pictures2
				}
			}
			declared = append(declared, next)
		}
	}
	c, err := catalog.New(declared...)
	if err != nil {
		panic(err) // the built-in algorithms are valid: see the tests of pkg/algo/builtin
	}
	return c
}

// turned is the second generation's vector for v.
func turned(v []float32) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[(i+7)%len(v)] = -x
	}
	return out
}

// Switch activates a run.
func (l *Library) Switch(r *pb.Run, previous string) {
	l.t.Helper()
	if _, err := l.Store.Activate(l.t.Context(), r, previous); err != nil {
		l.t.Fatal(err)
	}
}

// writer collects the items of a run.
type writer struct {
	l           *Library
	run         *pb.Run
	annotations []*pb.Annotation
	embeddings  []*pb.Embedding
}

func (l *Library) run(a *pb.Asset, algorithm, version string) *writer {
	r := &pb.Run{Asset: a.GetId(), Algorithm: algorithm, Version: version, State: pb.RunState_RUN_STATE_REQUESTED}
	r.Id = schema.RunID(r)
	return &writer{l: l, run: r}
}

func (w *writer) say(a *pb.Annotation) (id string) {
	a.Run, a.Asset, a.Ordinal = w.run.GetId(), w.run.GetAsset(), int64(len(w.annotations))
	w.annotations = append(w.annotations, a)
	return schema.ItemID(a.GetRun(), a.GetOrdinal())
}

func (w *writer) embed(e *pb.Embedding) {
	e.Run, e.Asset, e.Ordinal = w.run.GetId(), w.run.GetAsset(), int64(len(w.embeddings))
	w.embeddings = append(w.embeddings, e)
}

func (w *writer) finish() *pb.Run {
	w.l.t.Helper()
	ctx := w.l.t.Context()
	must := func(err error) {
		w.l.t.Helper()
		if err != nil {
			w.l.t.Fatal(err)
		}
	}
	_, err := w.l.Store.CreateRun(ctx, w.run)
	must(err)
	must(w.l.Store.WriteBatches(ctx, []store.Batch{{Asset: w.run.GetAsset(), Run: w.run.GetId(), Epoch: 1, Annotations: w.annotations, Embeddings: w.embeddings}}))
	must(w.l.Engine.Write(ctx, search.Batch{Annotations: w.annotations, Embeddings: w.embeddings}))
	must(w.l.Store.MarkIndexed(ctx, []store.Marker{
		{Asset: w.run.GetAsset(), Run: w.run.GetId(), Epoch: 1, Part: store.PartAnnotations, Count: int64(len(w.annotations))},
		{Asset: w.run.GetAsset(), Run: w.run.GetId(), Epoch: 1, Part: store.PartEmbeddings, Count: int64(len(w.embeddings))},
	}))
	w.run.State, w.run.Epoch = pb.RunState_RUN_STATE_FINISHED, 1
	w.run.Annotations, w.run.Embeddings = int64(len(w.annotations)), int64(len(w.embeddings))
	must(w.l.Store.FinishRun(ctx, w.run))
	return w.run
}

// SpaceOf is a space of the tests: as in the library of builtin algorithms, but smaller.
func SpaceOf(id string) *pb.Space {
	n, v, _ := strings.Cut(id, "@")
	return &pb.Space{Name: n, Version: v, Dimension: dimension, Metric: "cosine", Encoders: []string{"text", "picture", "frame"}}
}

// Offer is an encoder into a space of the tests.
func Offer(space string, run func(ctx context.Context, in encode.Input) ([]float32, error), takes ...encode.Kind) encode.Offer {
	return encode.Offer{Space: SpaceOf(space), Takes: takes, Encoder: encode.Func{Run: run}}
}

// Encoders are the encoders of these spaces: the vector of a picture is the mean colour, named by "red", "green" and
// "blue" in words; the vector of a sentence is the bag of words.
func Encoders() *encode.Set {
	look := func(_ context.Context, in encode.Input) ([]float32, error) {
		if in.Picture != nil {
			return colourVector(mean(in.Picture)), nil
		}
		if c, ok := map[string]color.RGBA{"red": Red, "green": Green, "blue": Blue}[in.Words]; ok {
			return colourVector(c), nil
		}
		return wordsVector(in.Words), nil
	}
	turn := func(ctx context.Context, in encode.Input) ([]float32, error) {
		v, err := look(ctx, in)
		return turned(v), err
	}
	set, err := encode.NewSet(
		Offer(Pictures, look, encode.Words, encode.Still, encode.Frame),
		Offer(Pictures2, turn, encode.Words, encode.Still, encode.Frame),
		Offer(Sentences, func(_ context.Context, in encode.Input) ([]float32, error) { return wordsVector(in.Words), nil }, encode.Words),
	)
	if err != nil {
		panic(err) // the offers above are valid
	}
	return set
}

func mean(img image.Image) color.RGBA {
	var r, g, b, n uint32
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			cr, cg, cb, _ := img.At(x, y).RGBA()
			r, g, b, n = r+cr>>8, g+cg>>8, b+cb>>8, n+1
		}
	}
	return color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), 255}
}

func colourVector(c color.RGBA) []float32 {
	v := make([]float32, dimension)
	v[0], v[1], v[2] = float32(c.R)-128, float32(c.G)-128, float32(c.B)-128 // so that colours may be opposite
	return unit(v)
}

func wordsVector(text string) []float32 {
	v := make([]float32, dimension)
	v[3] = 0.01 // so that every text has a vector
	for _, w := range strings.Fields(strings.ToLower(text)) {
		h := fnv.New32a()
		h.Write([]byte(strings.Trim(w, ".,!?")))
		v[4+h.Sum32()%(dimension-4)]++
	}
	return unit(v)
}

func unit(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(sum))
	}
	return v
}
