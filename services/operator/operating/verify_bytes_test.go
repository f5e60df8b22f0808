package operating

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// verifyBytes is verify with the library's bucket.
func verifyBytes(t *testing.T, l *apitest.Library, w *pb.Verify) (string, error) {
	t.Helper()
	var r record
	v := newVerifier(l.Store, l.Engine, nil)
	v.blobs = l.Blobs
	p, err := v.plan(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	err = v.do(t.Context(), w, newActivator(l), r.tell)
	if r.done != p.Total && err == nil {
		t.Errorf("done %d of %d", r.done, p.Total)
	}
	return strings.Join(r.lines, "\n"), err
}

func TestVerifyLooksIntoTheBuckets(t *testing.T) {
	l := apitest.New(t)
	film := l.Shoot(apitest.Film{Title: "harbour", Shots: []apitest.Shot{{Seconds: 1, Colour: apitest.Red}, {Seconds: 1, Colour: apitest.Green}}})
	cues := []byte("WEBVTT\n")
	ref, err := l.Blobs.Put(t.Context(), fmt.Sprintf("text/%x.vtt", sha256.Sum256(cues)), "text/vtt", bytes.NewReader(cues))
	if err != nil {
		t.Fatal(err)
	}
	film.Text = []*pb.TextTrack{{Language: "en", Role: "subtitles", Media: ref}}
	a := l.Add(film)
	text := filepath.Join(l.Folder, film.Text[0].GetMedia().GetKey())
	media, picture := filepath.Join(l.Folder, film.Media.GetKey()), filepath.Join(l.Folder, film.Thumbnail(1).GetKey())
	orphan := filepath.Join(l.Folder, "text", "orphan.vtt")

	check := func(name string, deep bool, want ...string) {
		t.Helper()
		got, err := verifyBytes(t, l, &pb.Verify{Deep: deep})
		if whole := len(want) == 0; whole != (err == nil) || !whole && errkind.Of(err) != errkind.Conflict {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		if len(want) == 0 {
			want = []string{"bytes of 1 assets: 0 are not those that arrived, 0 are gone", "looked at 3 artefacts: 0 are missing in the bucket, 0 are damaged"}
		}
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: the notes lack %q:\n%s", name, w, got)
			}
		}
	}
	check("all well", false)
	check("all well", true)

	// Each kind of damage, and the mending.
	for _, test := range []struct {
		name, path string
		change     func(b []byte) []byte // nil removes
		deepOnly   bool
		want       string
	}{
		{"another film", media, func(b []byte) []byte { return append(b, 0) }, false, "1 are not those that arrived"},
		{"another film of the same size", media, flipped, false, "1 are not those that arrived"},
		{"no film", media, nil, false, "1 are gone"},
		{"a flipped text track", text, flipped, false, "1 are damaged"},
		{"no text track", text, nil, false, "1 are missing in the bucket"},
		{"no picture", picture, nil, false, "1 are missing in the bucket"},
		{"an empty picture", picture, func([]byte) []byte { return nil }, false, "1 are damaged"},
		{"a flipped picture", picture, flipped, true, "1 are damaged"},
	} {
		before, err := os.ReadFile(test.path)
		if err != nil {
			t.Fatal(err)
		}
		err = os.Remove(test.path)
		if test.change != nil {
			err = os.WriteFile(test.path, test.change(append([]byte(nil), before...)), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !test.deepOnly {
			check(test.name, false, test.want)
		}
		check(test.name+", deep", true, test.want, a.GetId())
		if err := os.WriteFile(test.path, before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check("mended", true)

	// Blobs without a reference are counted once they are old enough, where the whole library is checked.
	if err := os.WriteFile(orphan, []byte("WEBVTT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyBytes(t, l, &pb.Verify{}); err != nil || !strings.Contains(got, "nothing refers to 0 blobs") {
		t.Errorf("a new blob: %v\n%s", err, got)
	}
	old := time.Now().Add(-2 * newBlob)
	if err := os.Chtimes(orphan, old, old); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyBytes(t, l, &pb.Verify{}); err != nil || !strings.Contains(got, fmt.Sprintf("nothing refers to 1 blobs of the bucket, of %d bytes", len("WEBVTT\n"))) {
		t.Errorf("an old blob: %v\n%s", err, got)
	}
	if got, err := verifyBytes(t, l, &pb.Verify{Selection: &pb.Selection{Titles: []string{"harbour"}}}); err != nil || strings.Contains(got, "nothing refers") {
		t.Errorf("of one title: %v\n%s", err, got)
	}
	// A repair is of the search engine alone.
	if got, err := verifyBytes(t, l, &pb.Verify{Repair: true}); err != nil || strings.Contains(got, "artefacts") {
		t.Errorf("a repair: %v\n%s", err, got)
	}
}

func flipped(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}
