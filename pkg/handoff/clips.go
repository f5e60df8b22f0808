package handoff

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxCuts bounds the clips that are cut at once: each clip costs a program.
const MaxCuts = 500

// A Cutter writes the frames of a clip as a film of its own, and returns the frame that the film begins with. A copy of the tracks begins with a key frame.
type Cutter func(w io.Writer, c Clip) (first int64, err error)

// writeClips writes a ZIP archive with a film for each clip, and the table of the clips.
func writeClips(w *sink, l List, o Options) error {
	if len(l.Clips) > MaxCuts {
		return errkind.New(errkind.Invalid, "the list has %d clips, and at most %d are cut at once: narrow the search, or give a limit", len(l.Clips), MaxCuts)
	}
	if o.Cut == nil {
		return errkind.New(errkind.Invalid, "cutting needs the films")
	}
	z := zip.NewWriter(w)
	t, err := z.Create("clips.csv")
	if err != nil {
		return fmt.Errorf("beginning the table: %w", err)
	}
	if err := writeCSV(&sink{Writer: t}, l, o); err != nil {
		return err
	}
	for i, c := range l.Clips {
		name := clipName(i+1, c)
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return fmt.Errorf("beginning clip %d: %w", i+1, err)
		}
		first, err := o.Cut(f, c)
		if err != nil {
			return fmt.Errorf("clip %d: %w", i+1, err)
		}
		if first != c.Start {
			w.note("%s begins %d frames early, at the key frame %s", name, c.Start-first, c.Source.Scale.Format(first))
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("ending the archive: %w", err)
	}
	return nil
}

// clipName is the name of the film of a clip: number, film, and the label of the first frame.
func clipName(n int, c Clip) string {
	words := strings.FieldsFunc(c.Source.Title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	title := []rune(strings.Join(words, "-"))
	label := strings.NewReplacer(":", "-", ";", "-").Replace(c.Source.Scale.Format(c.Start))
	return fmt.Sprintf("%03d_%s_%s.mp4", n, string(title[:min(len(title), 40)]), label)
}
