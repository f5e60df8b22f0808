package schema_test

import (
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

const (
	sha    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	shaTwo = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

func someRun() *cinedexv1.Run {
	return &cinedexv1.Run{
		Asset: schema.AssetID(sha), Algorithm: "sentences", Version: "1",
		Parameters: map[string]string{"batch": "32", "model": "e5-small"},
		Reads:      "aabb",
		Inputs:     map[string]string{"dialogue": "cafe", "shots": "beef"},
	}
}

// Identities are kept for years and named by other rows: these must never change.
func TestIdentitiesStay(t *testing.T) {
	if got, want := schema.AssetID(strings.ToUpper(sha)), "9f86d081884c7d659a2feaa0c55ad015"; got != want {
		t.Errorf("AssetID = %s, want %s", got, want)
	}
	if got, want := schema.RunID(someRun()), "5b09a967bd79cf9b8ab41c5b8ce39776"; got != want {
		t.Errorf("RunID = %s, want %s", got, want)
	}
	if got, want := schema.RunID(&cinedexv1.Run{}), "d9839e18ad02b499082ecdcc685883c3"; got != want {
		t.Errorf("RunID of nothing = %s, want %s", got, want)
	}
	got, err := schema.ReadsFingerprint(someAsset(), []string{"video", "audio", "text"})
	if want := "9426aad8e2d4913c3bfbaeb9eea47888"; err != nil || got != want {
		t.Errorf("ReadsFingerprint = %s, %v; want %s", got, err, want)
	}
}

func TestRunIDIsOfWhatTheRunIs(t *testing.T) {
	id := schema.RunID(someRun())
	differ := map[string]func(*cinedexv1.Run){
		"asset":             func(r *cinedexv1.Run) { r.Asset = schema.AssetID(shaTwo) },
		"algorithm":         func(r *cinedexv1.Run) { r.Algorithm = "shots" },
		"version":           func(r *cinedexv1.Run) { r.Version = "2" },
		"parameter":         func(r *cinedexv1.Run) { r.Parameters["batch"] = "16" },
		"parameter more":    func(r *cinedexv1.Run) { r.Parameters["x"] = "" },
		"parameter less":    func(r *cinedexv1.Run) { delete(r.Parameters, "batch") },
		"reads":             func(r *cinedexv1.Run) { r.Reads = "aabbcc" },
		"input":             func(r *cinedexv1.Run) { r.Inputs["shots"] = "f00d" },
		"inputs exchanged":  func(r *cinedexv1.Run) { r.Inputs["shots"], r.Inputs["dialogue"] = "cafe", "beef" },
		"boundary moved":    func(r *cinedexv1.Run) { r.Algorithm, r.Version = "sentences1", "" },
		"input a parameter": func(r *cinedexv1.Run) { r.Parameters, r.Inputs = r.Inputs, r.Parameters },
	}
	seen := map[string]string{id: "the run itself"}
	for name, change := range differ {
		r := someRun()
		change(r)
		got := schema.RunID(r)
		if other, ok := seen[got]; ok {
			t.Errorf("%s: same identity as %s", name, other)
		}
		seen[got] = name
	}
	r := someRun()
	r.Id, r.State, r.Annotations, r.Embeddings, r.Epoch, r.Error, r.ErrorKind = "x", cinedexv1.RunState_RUN_STATE_FAILED, 3, 4, 5, "e", "k"
	if got := schema.RunID(r); got != id {
		t.Errorf("what became of the run changed its identity")
	}
}

// Lists of strings with equal concatenations have different identities.
func TestRunIDIsUnambiguous(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("ab\x00=/")), 0, 3, -1)
	run := rapid.Custom(func(t *rapid.T) *cinedexv1.Run {
		return &cinedexv1.Run{
			Asset: word.Draw(t, "asset"), Algorithm: word.Draw(t, "algorithm"), Version: word.Draw(t, "version"), Reads: word.Draw(t, "reads"),
			Parameters: rapid.MapOfN(word, word, 0, 2).Draw(t, "parameters"), Inputs: rapid.MapOfN(word, word, 0, 2).Draw(t, "inputs"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := run.Draw(t, "a"), run.Draw(t, "b")
		if same := proto.Equal(a, b); same != (schema.RunID(a) == schema.RunID(b)) {
			t.Fatalf("equal: %t, identities %s and %s", same, schema.RunID(a), schema.RunID(b))
		}
	})
}

func someAsset() *cinedexv1.Asset {
	return &cinedexv1.Asset{
		Id: schema.AssetID(sha), Sha256: sha,
		Title:     &cinedexv1.Title{Id: "film", Name: "Film"},
		Media:     &cinedexv1.MediaRef{Bucket: "file:///films", Key: "a.mp4"},
		SizeBytes: 1 << 30, Duration: int64(schema.Hour), Container: "mov,mp4",
		Video: &cinedexv1.VideoTrack{Width: 1920, Height: 1080, Codec: "h264", Frames: 86314, Rate: &cinedexv1.FrameRate{Num: 24000, Den: 1001}, StartTimecode: "01:00:00:00"},
		Audio: []*cinedexv1.AudioTrack{{Index: 1, Language: "en", SampleRate: 48000, Channels: 6, Codec: "aac"}},
		Text: []*cinedexv1.TextTrack{
			{Language: "en", Role: "subtitles", Format: "srt", Sha256: sha, Media: &cinedexv1.MediaRef{Key: "en.vtt"}, Cues: 900, Index: -1},
			{Language: "fr", Role: "subtitles", Format: "webvtt", Sha256: shaTwo, Media: &cinedexv1.MediaRef{Key: "fr.vtt"}, Cues: 880, Index: -1},
		},
	}
}

func TestReadsFingerprint(t *testing.T) {
	print := func(a *cinedexv1.Asset, reads ...string) string {
		t.Helper()
		f, err := schema.ReadsFingerprint(a, reads)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct {
		change  func(*cinedexv1.Asset)
		changes string // the tracks whose fingerprint changes
	}{
		"title":              {func(a *cinedexv1.Asset) { a.Title.Name, a.Title.Credit = "Other", "me" }, ""},
		"attributes":         {func(a *cinedexv1.Asset) { a.Attributes = map[string]*cinedexv1.Value{"x": {}} }, ""},
		"edit identity":      {func(a *cinedexv1.Asset) { a.EidrEdit = "10.5240/x" }, ""},
		"start timecode":     {func(a *cinedexv1.Asset) { a.Video.StartTimecode = "10:00:00:00" }, ""},
		"moved bytes":        {func(a *cinedexv1.Asset) { a.Media.Bucket = "s3://b"; a.Text[0].Media.Key = "elsewhere" }, ""},
		"name of a track":    {func(a *cinedexv1.Asset) { a.Text[0].Name = "English" }, ""},
		"order of text":      {func(a *cinedexv1.Asset) { a.Text[0], a.Text[1] = a.Text[1], a.Text[0] }, ""},
		"new subtitles":      {func(a *cinedexv1.Asset) { a.Text = append(a.Text, &cinedexv1.TextTrack{Language: "de", Sha256: sha}) }, "text"},
		"subtitles gone":     {func(a *cinedexv1.Asset) { a.Text = a.Text[:1] }, "text"},
		"corrected language": {func(a *cinedexv1.Asset) { a.Text[0].Language = "en-GB" }, "text"},
		"corrected cues":     {func(a *cinedexv1.Asset) { a.Text[0].Sha256 = shaTwo }, "text"},
		"other role":         {func(a *cinedexv1.Asset) { a.Text[0].Role = "captions" }, "text"},
		"frames recounted":   {func(a *cinedexv1.Asset) { a.Video.Frames++ }, "video"},
		"rate":               {func(a *cinedexv1.Asset) { a.Video.Rate.Den = 1000 }, "video"},
		"audio language":     {func(a *cinedexv1.Asset) { a.Audio[0].Language = "fr" }, "audio"},
		"content":            {func(a *cinedexv1.Asset) { a.Sha256 = shaTwo }, "video audio"},
	} {
		before, after := someAsset(), someAsset()
		c.change(after)
		for _, what := range []string{"video", "audio", "text"} {
			if got, want := print(before, what) != print(after, what), strings.Contains(c.changes, what); got != want {
				t.Errorf("%s: the fingerprint of %s changes: %t, want %t", name, what, got, want)
			}
		}
		if got, want := print(before, "video", "text") != print(after, "video", "text"), strings.ContainsAny(c.changes, "vx"); got != want {
			t.Errorf("%s: the fingerprint of video and text changes: %t, want %t", name, got, want)
		}
	}
	a := someAsset()
	if print(a, "video", "text") != print(a, "text", "video", "text") {
		t.Errorf("the order of what is read matters")
	}
	if print(a, "video") == print(a, "video", "text") || print(a) == print(a, "text") {
		t.Errorf("what is read does not matter")
	}
	if print(&cinedexv1.Asset{}, "video", "audio", "text") == "" {
		t.Errorf("an asset without tracks has no fingerprint")
	}
	if f, err := schema.ReadsFingerprint(a, []string{"video", "smell"}); err == nil || !errkind.Is(err, errkind.Invalid) {
		t.Errorf("smell: %s, %v; want an error of kind invalid", f, err)
	}
}

func TestItemIDBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.StringN(1, 40, -1).Draw(t, "run")
		n := rapid.Int64Min(0).Draw(t, "ordinal")
		r, o, err := schema.ParseItemID(schema.ItemID(run, n))
		if err != nil || r != run || o != n {
			t.Fatalf("%q: %q, %d, %v", schema.ItemID(run, n), r, o, err)
		}
	})
	for _, s := range []string{"", "/", "a", "a/", "/1", "a/-1", "a/+1", "a/01", "a/1 ", "a/1x", "a/99999999999999999999"} {
		if r, o, err := schema.ParseItemID(s); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("ParseItemID(%q) = %q, %d, %v; want an error of kind invalid", s, r, o, err)
		}
	}
}

func FuzzParseItemID(f *testing.F) {
	f.Add("run/0")
	f.Add("a/b/12")
	f.Fuzz(func(t *testing.T, s string) {
		if run, n, err := schema.ParseItemID(s); err == nil && schema.ItemID(run, n) != s {
			t.Fatalf("%q gave %q and %d", s, run, n)
		}
	})
}

func TestCanonicalLanguage(t *testing.T) {
	for in, want := range map[string]string{
		"en": "en", "EN": "en", "en-us": "en-US", "en_US": "en-US", "eng": "en", "iw": "he", "pt-br": "pt-BR", "zh-hant-tw": "zh-Hant-TW",
		"fra": "fr", "fre": "fr", "ger": "de", "deu": "de", "und": "und", "es-419": "es-419", "ja-JP": "ja-JP", "no": "no", "nb": "no",
	} {
		got, err := schema.CanonicalLanguage(in)
		if err != nil || got != want {
			t.Errorf("CanonicalLanguage(%q) = %q, %v; want %q", in, got, err, want)
		}
		if again, err := schema.CanonicalLanguage(got); err != nil || again != got {
			t.Errorf("%q is canonical, and becomes %q, %v", got, again, err)
		}
	}
	for _, in := range []string{"", "english", "e", "en-", "-", "en us", "xx-yy-zz", "12", "en\x00", strings.Repeat("en-", 40)} {
		if got, err := schema.CanonicalLanguage(in); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("CanonicalLanguage(%q) = %q, %v; want an error of kind invalid", in, got, err)
		}
	}
}

func FuzzCanonicalLanguage(f *testing.F) {
	for _, s := range []string{"en", "zh-Hant-TW", "sr_Latn", "x-klingon", "en-u-co-phonebk"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := schema.CanonicalLanguage(s)
		if err != nil {
			return
		}
		if again, err := schema.CanonicalLanguage(got); err != nil || again != got {
			t.Fatalf("%q gave %q, which gives %q, %v", s, got, again, err)
		}
	})
}

func TestNames(t *testing.T) {
	for _, ok := range []string{"shot", "text_on_screen", "efficientnet-lite2", "e5-small", "acme.faces"} {
		if !schema.ValidName(ok) {
			t.Errorf("%q is refused", ok)
		}
	}
	for _, bad := range []string{"", "Shot", "1shot", "a b", "a__b", "_a", "a-", "a/b", "a@1", "é", strings.Repeat("a", 65)} {
		if schema.ValidName(bad) {
			t.Errorf("%q is allowed", bad)
		}
	}
	id := schema.SpaceID(&cinedexv1.Space{Name: "e5-small", Version: "1"})
	if n, v, err := schema.ParseSpaceID(id); err != nil || n != "e5-small" || v != "1" {
		t.Errorf("%q: %q, %q, %v", id, n, v, err)
	}
	for _, bad := range []string{"", "e5-small", "e5-small@", "@1", "a@b@c", "a@ 1"} {
		if n, v, err := schema.ParseSpaceID(bad); err == nil || !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%q: %q, %q, %v; want an error of kind invalid", bad, n, v, err)
		}
	}
}
