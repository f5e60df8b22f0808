package schema_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func someArrival() *cinedexv1.MediaArrived {
	return &cinedexv1.MediaArrived{
		Title: &cinedexv1.Title{
			Id: "acme:films/42-a_b.c", Name: "Ein Film — 映画", Series: "", OriginalLanguage: "de", Credit: "© Acme", Eidr: "10.5240/7791-8534-2C23-9030-8610-5",
			Attributes: map[string]*cinedexv1.Value{"studio.reel": {Kind: &cinedexv1.Value_Integer{Integer: 3}}},
		},
		Url: "file:///films/a%20film.mp4", Sha256: sha, StartTimecode: "01:00:00;00",
		Text: []*cinedexv1.SideCar{
			{Url: "s3://bucket/a.srt", Language: "pt_br", Format: "srt"},
			{Url: "https://studio.example/a.vtt?x=1", Language: "en", Role: "captions", Name: "English (SDH)"},
		},
		Attributes: map[string]*cinedexv1.Value{
			"a": {Kind: &cinedexv1.Value_Text{Text: "t"}}, "b": {Kind: &cinedexv1.Value_Flag{}},
			"c": {Kind: &cinedexv1.Value_Texts{Texts: &cinedexv1.StringList{Values: []string{"x", "y"}}}},
		},
	}
}

func someAnnotations() *cinedexv1.AnnotationBatch {
	b := &cinedexv1.AnnotationBatch{Asset: schema.AssetID(sha), Run: schema.RunID(someRun()), Epoch: 1, Algorithm: "dialogue", Version: "1", First: 7}
	for i := range int64(3) {
		b.Annotations = append(b.Annotations, &cinedexv1.Annotation{
			Run: b.Run, Ordinal: 7 + i, Asset: b.Asset, Kind: schema.KindDialogue, Start: 100 * i, End: 100*i + 50,
			Text: "Kaffee?\nJa.", Language: "de", Confidence: 1, Region: &cinedexv1.Region{X: 0.1, Y: 0.2, W: 0.9, H: 0.3},
		})
	}
	return b
}

func someEmbeddings() *cinedexv1.EmbeddingBatch {
	b := &cinedexv1.EmbeddingBatch{Asset: schema.AssetID(sha), Run: schema.RunID(someRun()), Epoch: 1, Algorithm: "sentences", Version: "1",
		Space: &cinedexv1.Space{Name: "e5-small", Version: "1", Dimension: 3, Metric: "cosine", Encoders: []string{"text"}}}
	for i := range int64(2) {
		b.Embeddings = append(b.Embeddings, &cinedexv1.Embedding{
			Run: b.Run, Ordinal: i, Asset: b.Asset, Space: "e5-small@1", Start: i, End: i, Vector: []float32{0.6, -0.8, 0}, Of: schema.ItemID(b.Run, i),
		})
	}
	return b
}

func someRequest() *cinedexv1.RunsRequested {
	r := someRun()
	r.Inputs = nil
	r.Id = schema.RunID(r)
	r.State = cinedexv1.RunState_RUN_STATE_REQUESTED
	return &cinedexv1.RunsRequested{Asset: r.Asset, Runs: []*cinedexv1.Run{r}, Reason: "arrival"}
}

func someFinish() *cinedexv1.RunFinished {
	r := someRequest().Runs[0]
	r.State, r.Epoch, r.Annotations = cinedexv1.RunState_RUN_STATE_FINISHED, 2, 31
	return &cinedexv1.RunFinished{Run: r}
}

func TestValidMessages(t *testing.T) {
	audioOnly := someAsset()
	audioOnly.Video, audioOnly.Text = nil, nil
	variable := someAsset()
	variable.Video.VariableRate, variable.Video.FrameTable = true, &cinedexv1.MediaRef{Key: "frames/x"}
	for name, m := range map[string]proto.Message{
		"arrival":       someArrival(),
		"least arrival": &cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "x"}, Url: "file:///a"},
		"asset":         someAsset(), "ready": &cinedexv1.MediaReady{Asset: someAsset()}, "audio only": audioOnly, "variable": variable,
		"requested": someRequest(), "finished": someFinish(), "annotations": someAnnotations(), "embeddings": someEmbeddings(),
		"title": someArrival().Title, "run": someFinish().Run, "annotation": someAnnotations().Annotations[0],
		"embedding": someEmbeddings().Embeddings[0], "space": someEmbeddings().Space,
		"spec": &cinedexv1.AlgorithmSpec{Name: "sentences", Version: "1", Reads: []string{"text"}, Needs: []string{"dialogue", "efficientnet-lite2@1"}, Spaces: []*cinedexv1.Space{someEmbeddings().Space}},
	} {
		if err := schema.Validate(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidFields(t *testing.T) {
	arrival := func(change func(*cinedexv1.MediaArrived)) proto.Message {
		m := someArrival()
		change(m)
		return m
	}
	asset := func(change func(*cinedexv1.Asset)) proto.Message {
		a := someAsset()
		change(a)
		return &cinedexv1.MediaReady{Asset: a}
	}
	annotation := func(change func(*cinedexv1.Annotation)) proto.Message {
		b := someAnnotations()
		change(b.Annotations[1])
		return b
	}
	embedding := func(change func(*cinedexv1.Embedding)) proto.Message {
		b := someEmbeddings()
		change(b.Embeddings[1])
		return b
	}
	run := func(change func(*cinedexv1.Run)) proto.Message {
		m := someFinish()
		change(m.Run)
		if m.Run.Id == someFinish().Run.Id {
			m.Run.Id = schema.RunID(m.Run)
		}
		return m
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	type arrived = cinedexv1.MediaArrived
	for _, c := range []struct {
		name string
		m    proto.Message
		want []string // the fields to blame, in order
	}{
		{"nothing", &arrived{}, []string{"title", "url"}},
		{"no title id", arrival(func(m *arrived) { m.Title.Id = "" }), []string{"title.id"}},
		{"title id with a space", arrival(func(m *arrived) { m.Title.Id = "a b" }), []string{"title.id"}},
		{"title id with a line end", arrival(func(m *arrived) { m.Title.Id = "a\n" }), []string{"title.id"}},
		{"long title id", arrival(func(m *arrived) { m.Title.Id = strings.Repeat("a", 201) }), []string{"title.id"}},
		{"long name", arrival(func(m *arrived) { m.Title.Name = strings.Repeat("é", 501) }), []string{"title.name"}},
		{"escape in name", arrival(func(m *arrived) { m.Title.Name = "\x1b[2J" }), []string{"title.name"}},
		{"not utf-8", arrival(func(m *arrived) { m.Title.Name = "\xff" }), []string{"title.name"}},
		{"negative season", arrival(func(m *arrived) { m.Title.Season, m.Title.Episode = -1, -1 }), []string{"title.season", "title.episode"}},
		{"original language", arrival(func(m *arrived) { m.Title.OriginalLanguage = "german" }), []string{"title.original_language"}},
		{"eidr", arrival(func(m *arrived) { m.Title.Eidr, m.EidrEdit = "x", "10.5240/7791" }), []string{"title.eidr", "eidr_edit"}},
		{"relative url", arrival(func(m *arrived) { m.Url = "films/a.mp4" }), []string{"url"}},
		{"path for a url", arrival(func(m *arrived) { m.Url = "/films/a.mp4" }), []string{"url"}},
		{"scheme alone", arrival(func(m *arrived) { m.Url = "file:" }), []string{"url"}},
		{"opaque url", arrival(func(m *arrived) { m.Url = "concat:a|b" }), []string{"url"}},
		{"url that does not parse", arrival(func(m *arrived) { m.Url = "file:///a%zz" }), []string{"url"}},
		{"url with line end", arrival(func(m *arrived) { m.Url = "file:///a\nb" }), []string{"url"}},
		{"url with a password", arrival(func(m *arrived) { m.Url = "https://a:b@c/d" }), []string{"url"}},
		{"long url", arrival(func(m *arrived) { m.Url = "file:///" + strings.Repeat("a", 4096) }), []string{"url"}},
		{"sha256 in capitals", arrival(func(m *arrived) { m.Sha256 = strings.ToUpper(sha) }), []string{"sha256"}},
		{"short sha256", arrival(func(m *arrived) { m.Sha256 = sha[:63] }), []string{"sha256"}},
		{"start timecode", arrival(func(m *arrived) { m.StartTimecode = "1:0:0:0" }), []string{"start_timecode"}},
		{"side-car without url and language", arrival(func(m *arrived) { m.Text[1] = &cinedexv1.SideCar{} }), []string{"text[1].url", "text[1].language"}},
		{"nil side-car", arrival(func(m *arrived) { m.Text[0] = nil }), []string{"text[0]"}},
		{"format", arrival(func(m *arrived) { m.Text[0].Format = "sub" }), []string{"text[0].format"}},
		{"role", arrival(func(m *arrived) { m.Text[0].Role = "Sub titles" }), []string{"text[0].role"}},
		{"too many side-cars", arrival(func(m *arrived) {
			for len(m.Text) <= 200 {
				m.Text = append(m.Text, m.Text[0])
			}
		}), []string{"text"}},
		{"attribute without value", arrival(func(m *arrived) { m.Attributes["a"] = &cinedexv1.Value{} }), []string{`attributes["a"]`}},
		{"nil attribute", arrival(func(m *arrived) { m.Attributes["a"] = nil }), []string{`attributes["a"]`}},
		{"attribute key", arrival(func(m *arrived) { m.Attributes = map[string]*cinedexv1.Value{"a b\"": {Kind: &cinedexv1.Value_Flag{}}} }), []string{`attributes["a b\""]`}},
		{"attribute not a number", arrival(func(m *arrived) {
			m.Title.Attributes["x"] = &cinedexv1.Value{Kind: &cinedexv1.Value_Number{Number: math.NaN()}}
		}), []string{`title.attributes["x"]`}},
		{"long attribute", arrival(func(m *arrived) {
			m.Attributes["a"] = &cinedexv1.Value{Kind: &cinedexv1.Value_Text{Text: strings.Repeat("x", 8193)}}
		}), []string{`attributes["a"]`}},
		{"many attributes", arrival(func(m *arrived) {
			for i := range 65 {
				m.Attributes[fmt.Sprint("k", i)] = &cinedexv1.Value{Kind: &cinedexv1.Value_Flag{}}
			}
		}), []string{"attributes"}},

		{"no asset", &cinedexv1.MediaReady{}, []string{"asset"}},
		{"asset id not of its bytes", asset(func(a *cinedexv1.Asset) { a.Id = schema.AssetID(shaTwo) }), []string{"asset.id"}},
		{"asset without hash", asset(func(a *cinedexv1.Asset) { a.Id, a.Sha256 = "", "" }), []string{"asset.sha256"}},
		{"asset without bytes", asset(func(a *cinedexv1.Asset) { a.Media = nil }), []string{"asset.media"}},
		{"no key", asset(func(a *cinedexv1.Asset) { a.Media.Key = "" }), []string{"asset.media.key"}},
		{"more frames unshown than there are", asset(func(a *cinedexv1.Asset) { a.Video.UnshownFrames = a.Video.Frames + 1 }), []string{"asset.video.unshown_frames"}},
		{"no size", asset(func(a *cinedexv1.Asset) { a.Video.Width, a.Video.Height, a.Video.Frames = 0, -1, 0 }), []string{"asset.video.width", "asset.video.height", "asset.video.frames"}},
		{"no rate", asset(func(a *cinedexv1.Asset) { a.Video.Rate = nil }), []string{"asset.video.rate"}},
		{"drop frame at 23.976", asset(func(a *cinedexv1.Asset) { a.Video.DropFrame = true }), []string{"asset.video.start_timecode"}},
		{"variable without table", asset(func(a *cinedexv1.Asset) { a.Video.VariableRate = true }), []string{"asset.video.frame_table"}},
		{"audio", asset(func(a *cinedexv1.Asset) { a.Audio[0].SampleRate, a.Audio[0].Channels = -1, -1 }), []string{"asset.audio[0].sample_rate", "asset.audio[0].channels"}},
		{"text without hash", asset(func(a *cinedexv1.Asset) { a.Text[1].Sha256 = "" }), []string{"asset.text[1].sha256"}},

		{"no runs", &cinedexv1.RunsRequested{Asset: schema.AssetID(sha), Reason: "arrival"}, []string{"runs"}},
		{"run of another asset", func() proto.Message {
			m := someRequest()
			m.Asset = schema.AssetID(shaTwo)
			return m
		}(), []string{"runs[0].asset"}},
		{"no reason", func() proto.Message { m := someRequest(); m.Reason = ""; return m }(), []string{"reason"}},
		{"no run", &cinedexv1.RunFinished{}, []string{"run"}},
		{"run under a drawn id", run(func(r *cinedexv1.Run) { r.Id = "x" }), []string{"run.id"}},
		{"run not finished", run(func(r *cinedexv1.Run) { r.State = cinedexv1.RunState_RUN_STATE_RUNNING }), []string{"run.state"}},
		{"failed without kind", run(func(r *cinedexv1.Run) { r.State = cinedexv1.RunState_RUN_STATE_FAILED }), []string{"run.error_kind"}},
		{"run's names", run(func(r *cinedexv1.Run) { r.Algorithm, r.Version = "A", "" }), []string{"run.algorithm", "run.version"}},
		{"run's input", run(func(r *cinedexv1.Run) { r.Inputs = map[string]string{"shots": "x"} }), []string{`run.inputs["shots"]`}},
		{"run's counts", run(func(r *cinedexv1.Run) { r.Annotations, r.Embeddings, r.Epoch = -1, -1, -1 }), []string{"run.annotations", "run.embeddings", "run.epoch"}},

		{"no batch", &cinedexv1.AnnotationBatch{}, []string{"asset", "run", "algorithm", "version", "annotations"}},
		{"annotation of another run", annotation(func(a *cinedexv1.Annotation) { a.Run = schema.AssetID(sha) }), []string{"annotations[1].run"}},
		{"annotation out of place", annotation(func(a *cinedexv1.Annotation) { a.Ordinal = 7 }), []string{"annotations[1].ordinal"}},
		{"annotation that ends before it starts", annotation(func(a *cinedexv1.Annotation) { a.End = a.Start - 1 }), []string{"annotations[1].end"}},
		{"annotation before the picture", annotation(func(a *cinedexv1.Annotation) { a.Start = -1 }), []string{"annotations[1].start"}},
		{"annotation without kind", annotation(func(a *cinedexv1.Annotation) { a.Kind = "" }), []string{"annotations[1].kind"}},
		{"annotation not utf-8", annotation(func(a *cinedexv1.Annotation) { a.Text = "\xc3" }), []string{"annotations[1].text"}},
		{"long annotation", annotation(func(a *cinedexv1.Annotation) { a.Text = strings.Repeat("ü", 65537) }), []string{"annotations[1].text"}},
		{"annotation's language", annotation(func(a *cinedexv1.Annotation) { a.Language = "?" }), []string{"annotations[1].language"}},
		{"confidence over 1", annotation(func(a *cinedexv1.Annotation) { a.Confidence = 1.01 }), []string{"annotations[1].confidence"}},
		{"confidence not a number", annotation(func(a *cinedexv1.Annotation) { a.Confidence = nan }), []string{"annotations[1].confidence"}},
		{"region past the picture", annotation(func(a *cinedexv1.Annotation) { a.Region.W = 0.91 }), []string{"annotations[1].region"}},
		{"region not a number", annotation(func(a *cinedexv1.Annotation) { a.Region.H = nan }), []string{"annotations[1].region"}},

		{"no space", &cinedexv1.EmbeddingBatch{}, []string{"asset", "run", "algorithm", "version", "space", "embeddings"}},
		{"vector of another space", embedding(func(e *cinedexv1.Embedding) { e.Space = "other@1" }), []string{"embeddings[1].space"}},
		{"vector too short", embedding(func(e *cinedexv1.Embedding) { e.Vector = e.Vector[:2] }), []string{"embeddings[1].vector"}},
		{"no vector", embedding(func(e *cinedexv1.Embedding) { e.Vector = nil }), []string{"embeddings[1].vector"}},
		{"vector not a number", embedding(func(e *cinedexv1.Embedding) { e.Vector[1] = nan }), []string{"embeddings[1].vector[1]"}},
		{"vector without end", embedding(func(e *cinedexv1.Embedding) { e.Vector[2] = inf }), []string{"embeddings[1].vector[2]"}},
		{"of nothing", embedding(func(e *cinedexv1.Embedding) { e.Of = "x" }), []string{"embeddings[1].of"}},
		{"space", &cinedexv1.Space{Name: "E5", Version: "", Dimension: 0, Metric: "far", Encoders: []string{""}}, []string{"name", "version", "dimension", "metric", "encoders[0]"}},
		{"spec", &cinedexv1.AlgorithmSpec{Name: "", Version: "1", Reads: []string{"smell"}, Needs: []string{"?"}, Kinds: []string{"A"}}, []string{"name", "reads[0]", "needs[0]", "kinds[0]"}},
		{"spec that writes nothing", &cinedexv1.AlgorithmSpec{Name: "a", Version: "1"}, []string{"kinds"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := schema.Validate(c.m)
			if !errkind.Is(err, errkind.Invalid) {
				t.Fatalf("%v; want an error of kind invalid", err)
			}
			var fields schema.FieldErrors
			if !errors.As(err, &fields) {
				t.Fatalf("%v holds no FieldErrors", err)
			}
			var got []string
			for _, f := range fields {
				got = append(got, f.Field)
				if !hasPath(c.m.ProtoReflect().Descriptor(), f.Field) {
					t.Errorf("%s is no path of %s", f.Field, c.m.ProtoReflect().Descriptor().Name())
				}
				if len(f.Error()) > 400 {
					t.Errorf("an error of %d bytes: %.80s...", len(f.Error()), f.Error())
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%v\nfields to blame (-want +got):\n%s", err, diff)
			}
		})
	}
}

var pathStep = regexp.MustCompile(`^([a-z0-9_]+)(\[\d+\]|\["(?:[^"\\]|\\.)*"\])?(?:\.|$)`)

// hasPath reports whether path, in the names of the .proto files, leads to a field of d.
func hasPath(d protoreflect.MessageDescriptor, path string) bool {
	for path != "" {
		step := pathStep.FindStringSubmatch(path)
		if step == nil || d == nil {
			return false
		}
		fd := d.Fields().ByTextName(step[1])
		if fd == nil || step[2] != "" && !fd.IsList() && !fd.IsMap() {
			return false
		}
		d = fd.Message()
		if fd.IsMap() {
			d = fd.MapValue().Message()
		}
		path = path[len(step[0]):]
	}
	return true
}

func TestValidateNamesTheProblem(t *testing.T) {
	err := schema.Validate(&cinedexv1.MediaArrived{Title: &cinedexv1.Title{Id: "a b"}, Url: "a.mp4"})
	want := `title.id: must be 1 to 200 characters of A-Z, a-z, 0-9 and . _ : / -; url: must be a whole URL, such as file:///films/a.mp4 or s3://bucket/a.mp4`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if err := schema.Validate(&cinedexv1.SearchRequest{}); !errkind.Is(err, errkind.Internal) || err == nil {
		t.Errorf("a message without rules: %v; want an error of kind internal", err)
	}
	many := someArrival()
	for range 100 {
		many.Text = append(many.Text, &cinedexv1.SideCar{})
	}
	var fields schema.FieldErrors
	if !errors.As(schema.Validate(many), &fields) || len(fields) != 16 {
		t.Errorf("%d fields to blame, want the first 16", len(fields))
	}
}
