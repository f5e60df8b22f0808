package media_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
)

func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	film := suite(t)["film-25"].Path
	data, err := os.ReadFile(film)
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		run(t, append(args, path)...)
		return path
	}
	fast := in("fast.mp4", "-i", film, "-map", "0:v", "-c", "copy", "-movflags", "+faststart")
	front, err := os.ReadFile(fast)
	if err != nil {
		t.Fatal(err)
	}
	matroska, err := os.ReadFile(in("a.mkv", "-i", film, "-map", "0:v", "-c", "copy"))
	if err != nil {
		t.Fatal(err)
	}
	sparse := filepath.Join(dir, "sparse.mp4")
	if f, err := os.Create(sparse); err != nil || f.Truncate(10<<30) != nil || f.Close() != nil {
		t.Fatal("cannot make a sparse file")
	}
	secret := write(t, dir, "secret.txt", []byte("the unreleased ending"))
	for name, c := range map[string]struct {
		path, says string
		kind       errkind.Kind
	}{
		"missing":              {filepath.Join(dir, "none.mp4"), "no such file", errkind.NotFound},
		"folder":               {dir, "is not a file", errkind.Invalid},
		"empty":                {write(t, dir, "empty.mp4", nil), "is empty", errkind.Invalid},
		"text":                 {write(t, dir, "text.mp4", []byte("This is not a film.\n")), "is a text file", errkind.Invalid},
		"text beyond ASCII":    {write(t, dir, "text2.mp4", []byte(strings.Repeat("カメラ", 3000))), "is a text file", errkind.Invalid},
		"zeros":                {write(t, dir, "zeros.mp4", make([]byte, 100_000)), "", errkind.Invalid},
		"noise":                {write(t, dir, "noise.mp4", bytes.Repeat([]byte{0xde, 0xad, 0xbe, 0xef, 0x13}, 20_000)), "", errkind.Invalid},
		"index missing":        {write(t, dir, "cut.mp4", data[:len(data)/2]), "the index is missing", errkind.Invalid},
		"cut behind its index": {write(t, dir, "cut-front.mp4", front[:len(front)/2]), "is cut short", errkind.Invalid},
		"cut matroska":         {write(t, dir, "cut.mkv", matroska[:len(matroska)/2]), "is cut short", errkind.Invalid},
		"playlist":             {write(t, dir, "list.mp4", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"+secret+"\n#EXT-X-ENDLIST\n")), "is a text file", errkind.Invalid},
		"concat":               {write(t, dir, "concat.mp4", []byte("ffconcat version 1.0\nfile "+film+"\n")), "is a text file", errkind.Invalid},
		// A byte outside every text would pass for a container. Then ffmpeg's list of allowed formats has to refuse the
		// file.
		"disguised playlist": {write(t, dir, "list2.mp4", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"+film+"\n#EXT-X-ENDLIST\n\x00\x01\x00")), "", errkind.Invalid},
		"picture":            {in("picture.jpg", "-i", film, "-frames:v", "1"), "", errkind.Invalid},
		"zero duration":      {in("zero.wav", "-f", "lavfi", "-i", "anullsrc", "-t", "0"), "duration of zero", errkind.Invalid},
		"subtitles only":     {in("subs.mp4", "-i", film, "-map", "0:s", "-c", "copy"), "neither pictures nor sound", errkind.Invalid},
		"nothing in it":      {in("none.mkv", "-i", film, "-map", "0:v", "-c", "copy", "-frames:v", "0"), "", errkind.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reader(t).Probe(t.Context(), c.path)
			if errkind.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v error %v; want %v saying %q", errkind.Of(err), err, c.kind, c.says)
			}
			if err != nil && (strings.Contains(err.Error(), "unreleased") || len(err.Error()) > 400) {
				t.Errorf("the error says too much: %v", err)
			}
			t.Log(err)
		})
	}
	t.Run("over the limit", func(t *testing.T) {
		r := reader(t, func(c *media.Config) { c.MaxBytes = 1 << 30 })
		start := time.Now()
		_, err := r.Probe(t.Context(), sparse)
		if !errors.Is(err, media.ErrTooLarge) || errkind.Of(err) != errkind.Invalid || time.Since(start) > time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
	t.Run("too many frames", func(t *testing.T) {
		r := reader(t, func(c *media.Config) { c.MaxFrames = 100 })
		if _, err := r.Probe(t.Context(), film); !errors.Is(err, media.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	noChildren(t)
}

// File names are names, even if they look like options or URLs.
func TestNames(t *testing.T) {
	r := reader(t)
	dir := t.TempDir()
	data, err := os.ReadFile(suite(t)["film-25"].Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, name := range []string{"-i.mp4", "concat:a|b.mp4", "a b.mp4", "img%03d.mp4", "data:,x.mp4", "日本.mp4", "it's \"here\".mp4", "[0:v]split;.mp4", "https:..mp4"} {
		write(t, dir, name, data)
		for _, path := range []string{name, filepath.Join(dir, name)} {
			src := source(t, r, path)
			if p, err := r.FrameAt(t.Context(), src, 100, whole); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if s := mustStamp(t, p); s.Frame != 100 {
				t.Errorf("%s: frame 100 says %d", name, s.Frame)
			}
		}
	}
}

func TestSoundOnlyAndPictureOnly(t *testing.T) {
	r := reader(t)
	dir := t.TempDir()
	sound := filepath.Join(dir, "sound.m4a")
	run(t, "-f", "lavfi", "-i", "sine=frequency=440:duration=3:sample_rate=48000", "-c:a", "aac", "-metadata:s:a", "language=fra", sound)
	film, err := r.Probe(t.Context(), sound)
	if err != nil {
		t.Fatal(err)
	}
	a := film.Asset
	if a.Video != nil || len(a.Audio) != 1 || a.Audio[0].Language != "fr" || a.Audio[0].SampleRate != 48000 || a.Audio[0].Codec != "aac" || a.Duration == 0 {
		t.Errorf("sound only: %v", a)
	}
	if _, err := r.Decode(t.Context(), media.Source{Path: sound}, whole); errkind.Of(err) != errkind.Invalid {
		t.Errorf("decoding the pictures of a sound: %v", err)
	}
	if _, err := film.Clock(); errkind.Of(err) != errkind.Invalid {
		t.Errorf("the clock of a sound: %v", err)
	}
	film, err = r.Probe(t.Context(), suite(t)["film-25"].Path)
	if err != nil || len(film.Asset.Audio) != 0 || film.Asset.Video == nil {
		t.Errorf("pictures only: %v, %v", film, err)
	}
	covered := filepath.Join(dir, "cover.m4a")
	cover := filepath.Join(dir, "cover.jpg")
	run(t, "-i", suite(t)["film-25"].Path, "-frames:v", "1", cover)
	run(t, "-i", sound, "-i", cover, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v", "attached_pic", covered)
	if film, err = r.Probe(t.Context(), covered); err != nil || film.Asset.Video != nil {
		t.Errorf("a cover was taken for a film: %v, %v", film, err)
	}
}

func TestBadTimecodeIsLeftOut(t *testing.T) {
	r := reader(t)
	path := filepath.Join(t.TempDir(), "a.mkv")
	run(t, "-i", suite(t)["film-25"].Path, "-map", "0:v", "-c", "copy", "-metadata:s:v", "timecode=99:00:00:77", path)
	film, err := r.Probe(t.Context(), path)
	if err != nil || film.Asset.Video.StartTimecode != "" {
		t.Errorf("%v, %v", film, err)
	}
}
