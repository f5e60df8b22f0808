package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/gob"
	"errors"
	"image"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// recordedFile holds the judged library: the output of the algorithms, and the vectors of the judged queries. The figure judged/quality
// writes the file, with -update.
var recordedFile = filepath.Join("testdata", "judged", "films.recorded.gz")

// A recording is a library as the algorithms wrote the library, and the vectors of queries, so that a test reads both in place of running
// models for minutes.
type recording struct {
	Assets  [][]byte // pb.Asset
	Runs    []recordedRun
	Queries map[string]map[string]recordedVector // by space and words
}

type recordedRun struct {
	Run         []byte // pb.Run
	Annotations [][]byte
	Embeddings  [][]byte // without vectors
	Vectors     []recordedVector
}

// A recordedVector has a whole number from -levels to levels for each dimension: the similarities differ by less than 0.002 from the
// similarities of the vectors.
type recordedVector []int8

const levels = 31

func shortened(v []float32) recordedVector {
	most := 0.0
	for _, x := range v {
		most = max(most, math.Abs(float64(x)))
	}
	out := make(recordedVector, len(v))
	for i, x := range v {
		out[i] = int8(math.Round(float64(x) / most * levels))
	}
	return out
}

// vector has the length 1.
func (r recordedVector) vector() []float32 {
	sum := 0.0
	for _, x := range r {
		sum += float64(x) * float64(x)
	}
	out := make([]float32, len(r))
	for i, x := range r {
		out[i] = float32(float64(x) / math.Sqrt(sum))
	}
	return out
}

// recordedAlgorithms are the algorithms whose output is recorded.
var recordedAlgorithms = []string{"shots", "dialogue", "sentences", "pictures", "labels"}

// record writes the library of a world, and the vectors of the queries.
func (w *world) record(queries []judgedQuery) {
	w.t.Helper()
	var r recording
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	marshal := func(m proto.Message) []byte {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		must(err)
		return b
	}
	for a, err := range w.Store.AllAssets(w.ctx) {
		must(err)
		active, err := w.Store.Active(w.ctx, a.GetId())
		must(err)
		for _, name := range recordedAlgorithms {
			for _, r0 := range active {
				if r0.GetAlgorithm() == name {
					r.Runs = append(r.Runs, w.recordRun(a.GetId(), r0, marshal))
				}
			}
		}
		a.Media, a.Text = nil, nil
		r.Assets = append(r.Assets, marshal(a))
	}
	r.recordQueries(w.t, w.Encoders, queries)
	r.write(w.t)
}

// recordQueries replaces the vectors of the queries.
func (r *recording) recordQueries(t testing.TB, encoders encode.Encoders, queries []judgedQuery) {
	t.Helper()
	r.Queries = map[string]map[string]recordedVector{}
	for _, space := range []*pb.Space{sentences.Space, pictures.Space} {
		id := schema.SpaceID(space)
		r.Queries[id] = map[string]recordedVector{}
		enc, err := encoders.Encoder(id, encode.Words)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range queries {
			for _, words := range askedWords(t, q.Q) {
				v, err := enc.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: words})
				if err != nil {
					t.Fatal(err)
				}
				r.Queries[id][words] = shortened(v)
			}
		}
	}
}

func (r *recording) write(t testing.TB) {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(gob.NewEncoder(z).Encode(r), z.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(recordedFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d bytes", recordedFile, b.Len())
}

// renewQueries records the vectors of the judged queries anew, by the encoders of the cache. The library stays as recorded.
func renewQueries(t testing.TB, queries []judgedQuery) {
	t.Helper()
	models := builtin.Open(testCache(t), 0)
	defer models.Close()
	encoders, err := models.Encoders()
	if err != nil {
		t.Fatal(err)
	}
	r := readRecording(t)
	r.recordQueries(t, encoders, queries)
	r.write(t)
}

func (w *world) recordRun(asset string, active *pb.ActiveRun, marshal func(proto.Message) []byte) recordedRun {
	w.t.Helper()
	out := recordedRun{Run: marshal(&pb.Run{Id: active.GetRun(), Asset: asset, Algorithm: active.GetAlgorithm(), Version: active.GetVersion()})}
	for a, err := range w.Store.AnnotationsOf(w.ctx, asset, active.GetRun(), spanAll) {
		if err != nil {
			w.t.Fatal(err)
		}
		out.Annotations = append(out.Annotations, marshal(a))
	}
	for e, err := range w.Store.EmbeddingsOf(w.ctx, asset, active.GetRun(), spanAll) {
		if err != nil {
			w.t.Fatal(err)
		}
		out.Vectors = append(out.Vectors, shortened(e.GetVector()))
		e.Vector, e.Attributes = nil, nil
		out.Embeddings = append(out.Embeddings, marshal(e))
	}
	return out
}

// askedWords are the texts of the leaves of a query.
func askedWords(t testing.TB, line string) (out []string) {
	t.Helper()
	tree, _, err := query.Language{Names: builtinView(t)}.Parse(line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for _, l := range query.Leaves(tree) {
		out = append(out, l.GetText())
	}
	return out
}

func builtinView(t testing.TB) *catalog.View {
	t.Helper()
	c, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	return c.View()
}

// A shelf is a library in a real store and a real engine, with a gateway over both.
type shelf struct {
	store   store.Store
	engine  search.Engine
	catalog *catalog.Catalog
	gateway *gateway.Gateway
}

func readRecording(t testing.TB) *recording {
	t.Helper()
	b, err := os.ReadFile(recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	r := &recording{}
	if err := gob.NewDecoder(z).Decode(r); err != nil {
		t.Fatal(err)
	}
	return r
}

// openRecorded opens the recorded library.
func openRecorded(t testing.TB) *shelf {
	t.Helper()
	r := readRecording(t)
	s := openShelf(t, func(space string) func(context.Context, encode.Input) ([]float32, error) {
		return func(_ context.Context, in encode.Input) ([]float32, error) {
			v, ok := r.Queries[space][in.Words]
			if !ok {
				return nil, errkind.New(errkind.Invalid, "%q is not recorded; the figure judged/quality records the queries with -update", in.Words)
			}
			return v.vector(), nil
		}
	})
	r.fill(t, s.store, s.engine)
	return s
}

// fill writes the library into a store and an engine.
func (r *recording) fill(t testing.TB, st store.Store, e search.Engine) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range r.Assets {
		a := &pb.Asset{}
		must(proto.Unmarshal(b, a))
		must(st.PutAsset(t.Context(), a))
	}
	for _, rec := range r.Runs {
		run := &pb.Run{}
		must(proto.Unmarshal(rec.Run, run))
		run.State = pb.RunState_RUN_STATE_REQUESTED
		var annotations []*pb.Annotation
		var embeddings []*pb.Embedding
		for _, b := range rec.Annotations {
			a := &pb.Annotation{}
			must(proto.Unmarshal(b, a))
			annotations = append(annotations, a)
		}
		for i, b := range rec.Embeddings {
			e := &pb.Embedding{}
			must(proto.Unmarshal(b, e))
			e.Vector = rec.Vectors[i].vector()
			embeddings = append(embeddings, e)
		}
		writeRun(t, st, e, run, annotations, embeddings, "")
	}
}

// openShelf opens an empty library, which is asked with the vectors of encoder.
func openShelf(t testing.TB, encoder func(space string) func(context.Context, encode.Input) ([]float32, error)) *shelf {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 0
	st, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	spaces := []*pb.Space{sentences.Space, pictures.Space}
	e, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: spaces}, embedded.Deps{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	var offers []encode.Offer
	for _, s := range spaces {
		offers = append(offers, encode.Offer{Space: s, Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{Run: encoder(schema.SpaceID(s))}})
	}
	encoders, err := encode.NewSet(offers...)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Default(), gateway.Deps{Store: st, Engine: e, Catalog: c, Encoders: encoders,
		ImageMemory: func([]byte) (int64, error) { return 0, nil },
		Image: func([]byte) (image.Image, error) {
			return nil, errkind.New(errkind.Invalid, "no picture is asked with")
		},
		Frame: func(context.Context, *pb.Asset, schema.Clock, int64) (image.Image, error) {
			return nil, errkind.New(errkind.NotFound, "the library has no films")
		},
		Blob: func(context.Context, *pb.MediaRef) ([]byte, error) {
			return nil, errkind.New(errkind.NotFound, "the library has no blobs")
		},
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{store: st, engine: e, catalog: c, gateway: g}
}

// writeRun writes a finished run, and makes the run active in place of previous.
func writeRun(t testing.TB, st store.Store, e search.Engine, run *pb.Run, annotations []*pb.Annotation, embeddings []*pb.Embedding, previous string) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := st.CreateRun(ctx, run)
	must(err)
	must(st.WriteBatches(ctx, []store.Batch{{Asset: run.GetAsset(), Run: run.GetId(), Epoch: 1, Annotations: annotations, Embeddings: embeddings}}))
	must(e.Write(ctx, search.Batch{Annotations: annotations, Embeddings: embeddings}))
	must(st.MarkIndexed(ctx, []store.Marker{
		{Asset: run.GetAsset(), Run: run.GetId(), Epoch: 1, Part: store.PartAnnotations, Count: int64(len(annotations))},
		{Asset: run.GetAsset(), Run: run.GetId(), Epoch: 1, Part: store.PartEmbeddings, Count: int64(len(embeddings))},
	}))
	run.State, run.Epoch = pb.RunState_RUN_STATE_FINISHED, 1
	run.Annotations, run.Embeddings = int64(len(annotations)), int64(len(embeddings))
	must(st.FinishRun(ctx, run))
	_, err = st.Activate(ctx, run, previous)
	must(err)
}

// operator may try a profile.
var operator = authz.NewCaller("operator", []string{"*"}, authz.Operator)
