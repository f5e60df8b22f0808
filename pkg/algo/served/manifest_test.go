package served

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// manifest is a model of frames with a label and an embedding; the server is at url.
const manifest = `
declares:
  name: light
  version: "1"
  summary: How light each shot is
  kind_specs: [{kind: light, label_language: en, shown: {label: Light, lane: light}}]
  spaces: [{name: lightness, version: "1", dimension: 4, metric: cosine}]
  leaves: [{name: light, shape: LEAF_SHAPE_WORDS}]
  answers: [{leaves: [light], by: words, kind: light, field: ANSWER_FIELD_LABEL}]
server: {url: "http://127.0.0.1:1", model: light, batch: 3}
frames: {input: pixels, width: 32, height: 18, layout: flat, colours: grey}
outputs:
  - {name: scores, as: label, kind: light, names: [dark, dim, bright], activation: softmax, threshold: 0.4, most: 2}
  - {name: vector, as: embedding, space: lightness@1}
encoders:
  - {space: lightness@1, takes: picture, output: vector}
  - {space: lightness@1, takes: text, input: text, output: vector}
`

func parse(t *testing.T, text string) *Manifest {
	t.Helper()
	m, err := Parse([]byte(text), fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The declaration follows from the manifest.
func TestDeclaration(t *testing.T) {
	spec := New(parse(t, manifest)).Spec()
	if spec.GetName() != "light" || strings.Join(spec.GetKinds(), " ") != "light" || strings.Join(spec.GetNeeds(), " ") != "shot" || strings.Join(spec.GetReads(), " ") != "video" {
		t.Errorf("declared is %v", spec)
	}
	if f := spec.GetFrames(); f.GetWidth() != 32 || f.GetHeight() != 18 || f.GetPerSecond() != framesPerSecond {
		t.Errorf("frames %v", f)
	}
	if s := spec.GetSpaces()[0]; strings.Join(s.GetEncoders(), " ") != "picture text" {
		t.Errorf("space %v", s)
	}
}

// The example of the guide is a manifest.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/guides/served-models.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	if spec := New(parse(t, example)).Spec(); spec.GetName() != "light" {
		t.Errorf("declared is %v", spec)
	}
}

// A mistake is refused with the field.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ from, to, says string }{
		{"url: \"http://127.0.0.1:1\"", "url: \"file:///etc\"", "server.url"},
		{"url: \"http://127.0.0.1:1\"", "url: \"http://user:secret@host\"", "token_file"},
		{"model: light, batch", "model: \"\", batch", "server.model"},
		{"batch: 3", "batch: 0x7fff", "server.batch"},
		{"batch: 3", "batch: 3, timeout: 1ns", "server.timeout"},
		{"batch: 3", "batsh: 3", "batsh"},
		{"frames: {", "sound: {input: a, rate: 16000, window: 1}\nframes: {", "exactly one"},
		{"width: 32", "width: 100000", "width and height"},
		{"width: 32, height: 18, layout: flat", "width: 4096, height: 4096, layout: flat", "lower server.batch"},
		{"layout: flat", "layout: HWC", "frames.layout"},
		{"colours: grey", "colours: cmyk", "frames.colours"},
		{"colours: grey", "colours: grey, mean: [1, 2, 3]", "mean and std"},
		{"colours: grey", "colours: grey, std: [0]", "frames.std"},
		{"colours: grey", "colours: grey, mean: [.nan]", "finite"},
		{"as: embedding", "as: box", "outputs[1].as"},
		{"space: lightness@1}\nencoders", "space: other@1}\nencoders", "outputs[1].space"},
		{"kind: light, names", "kind: \"Not a kind\", names", "outputs[0].kind"},
		{"threshold: 0.4", "threshold: 4", "outputs[0].threshold"},
		{"activation: softmax", "activation: relu", "outputs[0].activation"},
		{"names: [dark, dim, bright]", "names_file: ../names.txt", "outputs[0].names_file"},
		{"takes: picture", "takes: smell", "encoders[0].takes"},
		{"takes: text, input: text", "takes: text", "encoders[1].input"},
		{"summary: How", "kinds: [light]\n  summary: How", "follow from the rest"},
		{"summary: How", "sumary: How", "sumary"},
		{"name: light\n", "name: \"\"\n", "declares"},
	} {
		if !strings.Contains(manifest, c.from) {
			t.Fatalf("the manifest has no %q", c.from)
		}
		_, err := Parse([]byte(strings.Replace(manifest, c.from, c.to, 1)), fstest.MapFS{})
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want a refusal with %q", c.to, err, c.says)
		}
	}
	if _, err := Read(t.TempDir() + "/none"); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Whatever the output depends on is part of the identity of a run, and nothing else is.
func TestIdentity(t *testing.T) {
	of := func(from, to string) string {
		t.Helper()
		return parse(t, strings.Replace(manifest, from, to, 1)).spec.GetParameters()["manifest"]
	}
	first := of("", "")
	for _, same := range [][2]string{{"127.0.0.1:1", "models.example.org"}, {"batch: 3", "batch: 5, timeout: 2s"}, {"summary: How", "summary: Just how"}, {"takes: picture, output: vector", "takes: picture, output: other"}} {
		if of(same[0], same[1]) != first {
			t.Errorf("%s makes other runs", same[1])
		}
	}
	for _, other := range [][2]string{{"model: light, batch", "model: lighter, batch"}, {"batch: 3", "batch: 3, version: \"2\""}, {"threshold: 0.4", "threshold: 0.5"}, {"dim, bright", "dim, shining"}, {"layout: flat", "layout: NCHW"}, {"colours: grey", "colours: grey, mean: [0.5]"}} {
		if of(other[0], other[1]) == first {
			t.Errorf("%s makes no other runs", other[1])
		}
	}
}

// The numbers of a tensor are in the order of the layout, scaled for each colour.
func TestTensor(t *testing.T) {
	p := &media.Picture{Width: 2, Height: 1, Pix: []byte{255, 0, 51, 102, 204, 0}}
	f := func(layout, colours, datatype string) *Frames {
		return &Frames{Input: "in", Width: 2, Height: 1, Layout: layout, Colours: colours, Datatype: datatype, Divide: 255}
	}
	normal := f("NCHW", "rgb", fp32)
	normal.Mean, normal.Std = []float64{0.5, 0, 0.2}, []float64{0.5, 1, 0.1}
	for _, c := range []struct {
		name   string
		frames *Frames
		shape  []int
		want   []float64
	}{
		{"NCHW", f("NCHW", "rgb", fp32), []int{1, 3, 1, 2}, []float64{1, 0.4, 0, 0.8, 0.2, 0}},
		{"NHWC", f("NHWC", "rgb", fp32), []int{1, 1, 2, 3}, []float64{1, 0, 0.2, 0.4, 0.8, 0}},
		{"BGR", f("NHWC", "bgr", fp32), []int{1, 1, 2, 3}, []float64{0.2, 0, 1, 0, 0.8, 0.4}},
		{"grey, flat", f("flat", "grey", fp32), []int{1, 2}, []float64{82.0 / 255, 150.0 / 255}},
		{"bytes", f("NHWC", "rgb", uint8s), []int{1, 1, 2, 3}, []float64{255, 0, 51, 102, 204, 0}},
		{"mean and deviation", normal, []int{1, 3, 1, 2}, []float64{1, -0.2, 0, 0.8, 0, -2}},
	} {
		got := c.frames.tensor([]*answer{{picture: p}})
		var values []float64
		switch data := got.Data.(type) {
		case []float32:
			for _, v := range data {
				values = append(values, float64(v))
			}
		case []uint16:
			for _, v := range data {
				values = append(values, float64(v))
			}
		}
		if len(values) != len(c.want) || len(got.Shape) != len(c.shape) {
			t.Errorf("%s: %v %v", c.name, got.Shape, values)
			continue
		}
		for i := range c.shape {
			if got.Shape[i] != c.shape[i] {
				t.Errorf("%s: shape %v, want %v", c.name, got.Shape, c.shape)
			}
		}
		for i := range values {
			if d := values[i] - c.want[i]; d > 1e-6 || d < -1e-6 {
				t.Errorf("%s: %v, want %v", c.name, values, c.want)
				break
			}
		}
	}
}

// Labels are the mean over the frames of a shot.
func TestLabels(t *testing.T) {
	o := Output{Name: "s", Names: []string{"a", "b", ""}, Activation: "none", Threshold: 0.3, Most: 2}
	row := func(v ...float64) *answer { return &answer{numbers: map[string][]float64{"s": v}} }
	got, err := o.labels([]*answer{row(0.9, 0.2, 1), row(0.5, 0.6, 1)})
	if err != nil || len(got) != 2 || got[0].label != "a" || got[0].confidence != 0.7 || got[1].label != "b" || got[1].confidence != 0.4 {
		t.Errorf("%v, %v", got, err)
	}
	for what, rows := range map[string][]*answer{
		"two of three classes": {row(0.5, 0.5)}, "scores": {row(3, 0, 0)}, "a class without a name": {{numbers: map[string][]float64{"s": {7}}, whole: map[string]bool{"s": true}}},
	} {
		if got, err := o.labels(rows); !errkind.Is(err, errkind.Internal) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	if got, err := o.labels([]*answer{{numbers: map[string][]float64{"s": {1}}, whole: map[string]bool{"s": true}}, {texts: map[string][]string{"s": {"b"}}}}); err != nil || len(got) != 1 || got[0] != (found{"b", 1}) {
		t.Errorf("classes by number and by name: %v, %v", got, err)
	}
	space := &pb.Space{Name: "x", Version: "1", Dimension: 2, Metric: "cosine"}
	v, err := Output{Name: "s"}.vector([]*answer{row(3, 0), row(0, 9)}, space)
	if err != nil || v[0] != v[1] || v[0] < 0.70 || v[0] > 0.71 {
		t.Errorf("the mean of two vectors: %v, %v", v, err)
	}
	if _, err := (Output{Name: "s"}).vector([]*answer{row(1, 2, 3)}, space); !errkind.Is(err, errkind.Internal) {
		t.Errorf("another dimension: %v", err)
	}
}
