package synthetic

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// A Studio is a library of many short films. Each film has an active run of each of Cinedex's own six algorithms, and
// AnnotationsOfFilm annotations. One annotation in ten is a line of dialogue, and one in ten is a label. Each film has
// a name of its own, spoken in three of its lines.
type Studio struct {
	Films int
	// Spaces are of the vectors: a film has a sentence's and a picture's.
	Sentences, Pictures *pb.Space
}

// AnnotationsOfFilm is the number of annotations of all runs of a film, and RunsOfFilm the number of runs.
const (
	AnnotationsOfFilm = 100
	RunsOfFilm        = 6

	shotsOfFilm  = 40
	linesOfFilm  = 10
	labelsOfFilm = 10
	shotLength   = 4 * schema.Second
)

// Film returns the i-th asset.
func (s Studio) Film(i int) *pb.Asset {
	sha := fmt.Sprintf("%032x%032x", 1+i, 1+i) // the id of an asset is the first half
	return &pb.Asset{Id: schema.AssetID(sha), Sha256: sha, Title: &pb.Title{Id: TitleOf(i), Name: "The story of " + NameOf(i)},
		Media: &pb.MediaRef{Key: "none"}, Duration: int64(shotsOfFilm * shotLength), SizeBytes: 1, Container: "mov",
		Video: &pb.VideoTrack{Width: 1920, Height: 1080, Codec: "h264", Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: shotsOfFilm * 100}}
}

// TitleOf is the id of the i-th film's title.
func TitleOf(i int) string { return fmt.Sprintf("title-%d", i) }

// NameOf is the name spoken only in the lines of the i-th film: five syllables, different for each film.
func NameOf(i int) string {
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	name := make([]byte, 0, 10)
	for n, k := uint64(i)*2654435761%(1<<30), 0; k < 5; k++ {
		name = append(name, consonants[n%14], vowels[n/14%5])
		n /= 70
	}
	return string(name)
}

// A Content is a run of a film and the run's whole output.
type Content struct {
	Run         *pb.Run
	Annotations []*pb.Annotation
	Embeddings  []*pb.Embedding
}

// Runs returns the runs of the i-th film with their items.
func (s Studio) Runs(i int) []Content {
	asset := s.Film(i).GetId()
	rnd := rand.New(rand.NewPCG(uint64(i), 41))
	content := func(algorithm string, n int, item func(a *pb.Annotation, j int)) Content {
		c := Content{Run: RunOf(asset, algorithm, "1")}
		for j := range n {
			at := schema.Time(j) * shotLength
			a := &pb.Annotation{Run: c.Run.GetId(), Asset: asset, Ordinal: int64(j), Start: int64(at), End: int64(at + shotLength), Confidence: 0.9}
			item(a, j)
			c.Annotations = append(c.Annotations, a)
		}
		c.Run.Annotations = int64(n)
		return c
	}
	embed := func(c *Content, space *pb.Space, kind, language string, of string) {
		v := make([]float32, space.GetDimension())
		for k := range v {
			v[k] = float32(rnd.NormFloat64())
		}
		c.Embeddings = append(c.Embeddings, &pb.Embedding{Run: c.Run.GetId(), Asset: asset, Space: schema.SpaceID(space), Kind: kind, Language: language,
			End: int64(shotLength), Of: of, Vector: v})
		c.Run.Embeddings = int64(len(c.Embeddings))
	}
	none := func(*pb.Annotation, int) {}
	shots := content("shots", shotsOfFilm, func(a *pb.Annotation, _ int) { a.Kind = schema.KindShot })
	thumbnails := content("thumbnails", shotsOfFilm, func(a *pb.Annotation, j int) {
		a.Kind = schema.KindThumbnail
		a.Attributes = map[string]*pb.Value{"blob": {Kind: &pb.Value_Text{Text: fmt.Sprintf("thumbnails/%s/%d.jpg", a.GetRun(), j)}}}
	})
	labels := content("labels", labelsOfFilm, func(a *pb.Annotation, j int) { a.Kind, a.Label = schema.KindLabel, Words[(i+3*j)%len(Words)] })
	dialogue := content("dialogue", linesOfFilm, func(a *pb.Annotation, j int) {
		a.Kind, a.Language, a.Text = schema.KindDialogue, "en", Text(i, j)
		if j < 3 {
			a.Text = fmt.Sprintf("the %s waits for %s by the harbour", Words[(i+j)%len(Words)], NameOf(i))
		}
	})
	pictures, sentences := content("pictures", 0, none), content("sentences", 0, none)
	embed(&pictures, s.Pictures, "", "", schema.ItemID(shots.Run.GetId(), 0))
	embed(&sentences, s.Sentences, schema.KindDialogue, "en", schema.ItemID(dialogue.Run.GetId(), 0))
	return []Content{shots, thumbnails, pictures, labels, dialogue, sentences}
}

// RunOf is a finished run without items.
func RunOf(asset, algorithm, version string) *pb.Run {
	r := &pb.Run{Asset: asset, Algorithm: algorithm, Version: version, State: pb.RunState_RUN_STATE_FINISHED, Epoch: store.FirstEpoch}
	r.Id = schema.RunID(r)
	return r
}

// FillStore writes the films from the first on into a store, in the state after indexing and activating. progress
// receives the number of finished films, and MAY be called from several goroutines at the same time.
func (s Studio) FillStore(ctx context.Context, st store.Store, progress func(done int)) error {
	return s.each(ctx, 1, progress, func(ctx context.Context, films []int) error {
		i := films[0]
		asset := s.Film(i)
		if err := st.PutAsset(ctx, asset); err != nil {
			return err
		}
		var batches []store.Batch
		var markers []store.Marker
		runs := s.Runs(i)
		for _, c := range runs {
			at := store.Marker{Asset: asset.GetId(), Run: c.Run.GetId(), Epoch: store.FirstEpoch}
			if n := len(c.Annotations); n > 0 {
				batches = append(batches, store.Batch{Asset: asset.GetId(), Run: c.Run.GetId(), Epoch: store.FirstEpoch, Annotations: c.Annotations})
				at.Part, at.Count = store.PartAnnotations, int64(n)
				markers = append(markers, at)
			}
			if n := len(c.Embeddings); n > 0 {
				batches = append(batches, store.Batch{Asset: asset.GetId(), Run: c.Run.GetId(), Epoch: store.FirstEpoch, Embeddings: c.Embeddings})
				at.Part, at.Count = store.PartEmbeddings, int64(n)
				markers = append(markers, at)
			}
		}
		if err := st.WriteBatches(ctx, batches); err != nil {
			return err
		}
		if err := st.MarkIndexed(ctx, markers); err != nil {
			return err
		}
		for _, c := range runs {
			if err := st.FinishRun(ctx, c.Run); err != nil {
				return err
			}
			if _, err := st.Activate(ctx, c.Run, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// FillEngine writes the films into a search engine.
func (s Studio) FillEngine(ctx context.Context, e search.Writer, progress func(done int)) error {
	const together = 200
	return s.each(ctx, together, progress, func(ctx context.Context, films []int) error {
		var b search.Batch
		for _, i := range films {
			for _, c := range s.Runs(i) {
				b.Annotations = append(b.Annotations, c.Annotations...)
				b.Embeddings = append(b.Embeddings, c.Embeddings...)
			}
		}
		return e.Write(ctx, b)
	})
}

// each gives do the films in their order, some at a time, to several goroutines.
func (s Studio) each(ctx context.Context, together int, progress func(int), do func(ctx context.Context, films []int) error) error {
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, 64/together))
	for first := 0; first < s.Films && ctx.Err() == nil; first += together {
		var films []int
		for i := first; i < min(first+together, s.Films); i++ {
			films = append(films, i)
		}
		g.Go(func() error {
			if err := do(ctx, films); err != nil {
				return fmt.Errorf("filling in film %d: %w", films[0], err)
			}
			progress(int(done.Add(int64(len(films)))))
			return nil
		})
	}
	return g.Wait()
}
