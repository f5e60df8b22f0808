package handoff

import (
	"archive/zip"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxMedia bounds the bytes of all media in a file.
const MaxMedia = 16 << 30

// writeOTIOZ writes a file bundle of OpenTimelineIO: the timeline and, with Options.Media, the media. Without media, the references are missing, as the
// policy AllMissing of OpenTimelineIO makes them.
func writeOTIOZ(w *sink, l List, o Options) error {
	names := map[*Source]string{}
	if o.Media != nil {
		names = bundled(l.sources())
	}
	t, err := otioOf(l, o, func(s *Source) string { return names[s] })
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	version, err := z.Create("version.txt")
	if err != nil {
		return fmt.Errorf("beginning the bundle: %w", err)
	}
	if _, err := io.WriteString(version, "1.0.0"); err != nil {
		return fmt.Errorf("writing the version: %w", err)
	}
	content, err := z.Create("content.otio")
	if err != nil {
		return fmt.Errorf("beginning the timeline: %w", err)
	}
	e := json.NewEncoder(content)
	e.SetEscapeHTML(false)
	if err := e.Encode(t); err != nil {
		return fmt.Errorf("writing the timeline: %w", err)
	}
	if o.Media != nil {
		if err := bundle(z, l.sources(), names, o); err != nil {
			return err
		}
	} else {
		w.note("the bundle has no media: link the clips to the films by name and timecode, or export with the media")
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("ending the bundle: %w", err)
	}
	return nil
}

// bundled returns the place of each source in the bundle. No two sources have the same place.
func bundled(sources []*Source) map[*Source]string {
	names, taken := map[*Source]string{}, map[string]bool{}
	for _, s := range sources {
		ext := path.Ext(s.Name)
		base := strings.Trim(strings.Map(func(r rune) rune {
			if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
				return '_'
			}
			return r
		}, strings.TrimSuffix(s.Name, ext)), ". ")
		name := "media/" + base + ext
		for n := 2; base == "" || taken[strings.ToLower(name)]; n++ {
			base, name = base+"_", "media/"+base+"_"+strconv.Itoa(n)+ext
		}
		taken[strings.ToLower(name)] = true
		names[s] = name
	}
	return names
}

// bundle copies the media, uncompressed, as OpenTimelineIO does.
func bundle(z *zip.Writer, sources []*Source, names map[*Source]string, o Options) error {
	var total int64
	for _, s := range sources {
		if err := copyMedia(z, s, names[s], &total, o); err != nil {
			return err
		}
	}
	return nil
}

func copyMedia(z *zip.Writer, s *Source, name string, total *int64, o Options) (err error) {
	r, size, err := o.Media(s)
	if err != nil {
		return fmt.Errorf("opening the media of %s: %w", s.Name, err)
	}
	defer r.Close()
	if *total += size; *total > MaxMedia {
		return errkind.New(errkind.Exhausted, "the media have more than %d GiB, the most that a bundle takes: export the timeline without media", MaxMedia>>30)
	}
	f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return fmt.Errorf("beginning %s: %w", name, err)
	}
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("copying the media of %s: %w", s.Name, err)
	}
	return nil
}
