package ingest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTextInsideTheFilm: closed captions inside the video are a track of captions without a language (ATSC A/53), and a track of
// TTML in MP4 is read (ISO/IEC 14496-30).
func TestTextInsideTheFilm(t *testing.T) {
	for _, c := range []struct {
		file, format, role, name string
		cues                     int32
	}{
		{"testdata/captions.mp4", "cea-608", "captions", "CC1", 1},
		{"../../../pkg/media/testdata/clips/stpp.mp4", "ttml", "subtitles", "", 4},
	} {
		w := newWorld(t, nil)
		path := filepath.Join(w.dir, "film.mp4")
		if err := os.WriteFile(path, must[[]byte](t)(os.ReadFile(c.file)), 0o644); err != nil {
			t.Fatal(err)
		}
		w.sends("owner", arrived("open", "file://"+path))
		text := w.asset().GetText()
		if len(text) != 1 {
			t.Errorf("%s: tracks %v, refused %v", c.file, text, w.asset().GetRefusedText())
			continue
		}
		if got := text[0]; got.GetFormat() != c.format || got.GetRole() != c.role || got.GetName() != c.name || got.GetLanguage() != "" || got.GetCues() != c.cues {
			t.Errorf("%s: %v", c.file, got)
		}
	}
}
