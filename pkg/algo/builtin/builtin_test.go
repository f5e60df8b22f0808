package builtin_test

import (
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/convert"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything opens the algorithms with both lists enabled.
func everything(t *testing.T, cache model.Cache) *builtin.Models {
	t.Helper()
	models := builtin.Open(cache, 0)
	t.Cleanup(func() { _ = models.Close() })
	names := []string{builtin.Default, builtin.Suite}
	if folders, _ := cache.PictureFolders(); len(folders) > 0 {
		names = append(names, "tiny")
	}
	if err := models.Enable(names...); err != nil {
		t.Fatal(err)
	}
	return models
}

// needModels skips the test where a model of the algorithm, or of an algorithm that it reads, is missing.
func needModels(t *testing.T, cache model.Cache, reg *algo.Registry, a algo.Algorithm) {
	t.Helper()
	for _, id := range a.Spec().GetModels() {
		if _, err := cache.Require(id); err != nil {
			if f, _ := model.Find(id); slices.Contains(model.Extras(), f.Group) {
				t.Skip("an extra, whose algorithm is tested with the tiny model: ", err)
			}
			modeltest.Lacking(t, err)
		}
	}
	for _, in := range reg.Inputs(a.Spec().GetName()) {
		needModels(t, cache, reg, in)
	}
}

// withTiny returns a cache with the files of a cache, and with a folder of the operator's own: the tiny CLIP of pkg/model/clip.
func withTiny(t *testing.T, cache model.Cache) model.Cache {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	vocabulary, err := cache.Require("clip-vocabulary")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	dir := t.TempDir()
	for _, part := range []string{"models", "lib", "bin", "media"} {
		must(os.Symlink(filepath.Join(cache.Dir(), part), filepath.Join(dir, part)))
	}
	folder := filepath.Join(dir, "pictures", "tiny")
	must(os.MkdirAll(folder, 0o755))
	packed, err := os.Open(filepath.Join("..", "..", "model", "clip", "testdata", "tiny.pt.gz"))
	must(err)
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	must(err)
	checkpoint, err := os.Create(filepath.Join(folder, "tiny.pt"))
	must(err)
	_, err = io.Copy(checkpoint, z)
	must(errors.Join(err, checkpoint.Close()))
	must(convert.ClipImage(checkpoint.Name(), filepath.Join(folder, "image.onnx")))
	must(convert.ClipText(checkpoint.Name(), filepath.Join(folder, "text.onnx")))
	must(os.Symlink(vocabulary, filepath.Join(folder, "merges.txt.gz")))
	manifest, err := os.ReadFile(filepath.Join("..", "..", "model", "clip", "testdata", "manifest.yaml"))
	must(err)
	must(os.WriteFile(filepath.Join(folder, "manifest.yaml"), manifest, 0o644))
	out, err := model.OpenCache(dir)
	must(err)
	return out
}

func setUp(t *testing.T) (model.Cache, *algo.Registry, *media.Reader, mediatest.Tools) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cache = withTiny(t, cache)
	reg, err := everything(t, cache).Algorithms()
	if err != nil {
		t.Fatal(err)
	}
	espeak, _ := exec.LookPath("espeak-ng")
	return cache, reg, reader, mediatest.Tools{FFmpeg: tools.FFmpeg, ESpeak: espeak}
}

// Every algorithm passes the conformance kit over a short film with cuts, a dissolve, a shot of
// five frames, speech, a test tone and subtitles.
func TestConformance(t *testing.T) {
	cache, reg, reader, tools := setUp(t)
	film := mediatest.Film{
		Name: "clip", Width: 320, Height: 180, Rate: schema.Rate{Num: 24000, Den: 1001},
		Scenes: []mediatest.Scene{
			{Frames: 50, Seed: 3}, {Frames: 5, Seed: 8}, {Frames: 40, Seed: 13},
			{Frames: 60, Seed: 22, Begin: mediatest.Dissolve, Over: 16}, {Frames: 45, Seed: 27},
		},
		Speak: "en", ToneStart: 140, ToneEnd: 180,
		Texts: []mediatest.Text{
			{Language: "en", Format: "srt", Inside: true, Lines: []mediatest.Line{
				{Start: 5, End: 45, Text: "The harbour is empty this morning.", Speaker: "Mara"}, {Start: 60, End: 110, Text: "Nobody sails before the storm."}}},
			{Language: "ja", Format: "srt", Inside: true, Lines: []mediatest.Line{{Start: 5, End: 45, Text: "今朝、港には誰もいない。"}}},
		},
	}
	truth, err := film.Write(t.Context(), t.TempDir(), tools)
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range reg.All() {
		name := a.Spec().GetName()
		t.Run(name, func(t *testing.T) {
			needModels(t, cache, reg, a)
			findings, err := algotest.Check(t.Context(), reg, name, clip)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				t.Error(f)
			}
			r, err := algotest.Run(t.Context(), reg, name, clip)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range r.Annotations {
				t.Log(a)
			}
			if name == "shots" || name == "thumbnails" {
				covers(t, clip, r)
			}
		})
	}
}

// covers checks that annotations follow each other from the clip's first frame to its last.
func covers(t *testing.T, clip *algotest.Clip, r *algotest.Result) {
	t.Helper()
	at := schema.Time(0)
	for _, a := range r.Annotations {
		if schema.Time(a.GetStart()) != at {
			t.Errorf("annotation %d begins at %s, the one before it ends at %s", a.GetOrdinal(), schema.Time(a.GetStart()), at)
		}
		at = schema.Time(a.GetEnd())
	}
	if end := clip.Clock.FrameStart(clip.Clock.Frames()); at != end {
		t.Errorf("the last annotation ends at %s, the clip at %s", at, end)
	}
}
