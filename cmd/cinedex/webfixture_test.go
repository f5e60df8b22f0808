package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// webToken is a caller of the browsers' tests. The token of a caller is NAME-of-the-tests.
type webToken struct {
	Name   string   `json:"name"`
	Token  string   `json:"token"`
	Titles []string `json:"titles"`
	Roles  []string `json:"roles"`
}

// webTokens are the callers of the browsers' tests, one for each role that the page tells apart. A test withdraws the caller leaver.
var webTokens = []webToken{
	{Name: "owner", Titles: []string{"*"}, Roles: []string{"operator", "batch", "ingest", "retitle"}},
	{Name: "editor", Titles: []string{"*"}},
	{Name: "colleague", Titles: []string{"*"}},
	{Name: "uploader", Titles: []string{"*"}, Roles: []string{"ingest"}},
	{Name: "lighthouse-only", Titles: []string{"the-lighthouse"}},
	{Name: "leaver", Titles: []string{"*"}},
	// What the goldens show is not changed by the films and bins of other tests.
	{Name: "painter", Titles: []string{"the-lighthouse", "hostile", "qissat-al-mina", "long-name"}, Roles: []string{"ingest"}},
}

// TestWebFixture is the platform of the tests in browsers (web/tests, scripts/web-test): the whole of `cinedex up` over the folder
// CINEDEX_WEB_FIXTURE. The first start makes the films in the folder CINEDEX_WEB_FILMS, and lets the algorithms look at the films. A start
// with CINEDEX_WEB_EMPTY=1 has no films. The test prints a line of JSON with the address and the tokens, and ends when its standard input ends: with its parent.
func TestWebFixture(t *testing.T) {
	folder := os.Getenv("CINEDEX_WEB_FIXTURE")
	if folder == "" {
		t.Skip("serves the tests in browsers: scripts/web-test runs it")
	}
	dir, films := filepath.Join(folder, "home"), os.Getenv("CINEDEX_WEB_FILMS")
	for _, d := range []string{dir, films} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tokens := filepath.Join(dir, "tokens.yaml")
	writeWebTokens(t, tokens)
	w := newWorldWith(t, dir, func(cfg *upConfig) {
		if at := os.Getenv("CINEDEX_WEB_ADDRESS"); at != "" {
			cfg.Address = at
		}
		cfg.TokenFile = tokens
		cfg.Gateway.Proxies.Role = "batch" // editors of the tests have no roles
	}, films)
	w.token = webTokens[0].Token
	made := filepath.Join(folder, "made")
	if _, err := os.Stat(made); errors.Is(err, fs.ErrNotExist) && os.Getenv("CINEDEX_WEB_EMPTY") == "" {
		w.ingest(webFilms(t, films)...)
		if err := os.WriteFile(made, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line, err := json.Marshal(map[string]any{"url": w.server(), "tokens": webTokens, "tokenFile": tokens, "films": films})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s\n", line)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Error(err)
	}
}

func writeWebTokens(t *testing.T, path string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("tokens:\n")
	for i := range webTokens {
		c := &webTokens[i]
		c.Token = c.Name + "-of-the-tests"
		fmt.Fprintf(&b, "  - name: %q\n    sha256: %x\n    titles: [\"%s\"]\n", c.Name, sha256.Sum256([]byte(c.Token)), strings.Join(c.Titles, `", "`))
		if len(c.Roles) > 0 {
			fmt.Fprintf(&b, "    roles: [%s]\n", strings.Join(c.Roles, ", "))
		}
	}
	if _, err := os.Stat(path); err == nil {
		return // the tests have changed the file since, or nobody has
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// webFilms makes the films of the tests in browsers: a film with five languages, a film of hostile names and lines, a film in Arabic, a
// film with a very long name, and a film that no browser plays.
func webFilms(t *testing.T, dir string) []*pb.MediaArrived {
	t.Helper()
	rate := schema.Rate{Num: 25, Den: 1}
	var out []*pb.MediaArrived
	for i, f := range []struct {
		id, name, start string
		seconds         int64
		texts           map[string][]string
	}{
		{"the-lighthouse", "The Lighthouse", "01:00:00:00", 40, lighthouse},
		{"hostile", `<b onclick="document.title='owned'">Bold</b> & "quoted" <script>document.title='owned'</script>`, "", 12, map[string][]string{
			"en": {`<img src=x onerror="document.title='owned'"> storm`, `<script>document.title='owned'</script> thunder`, "&lt;i&gt; lightning {n} {{x}} ${y}"},
		}},
		{"qissat-al-mina", "قصة الميناء", "", 12, map[string][]string{
			"ar": {"الميناء فارغ هذا الصباح.", "لا أحد يريد الإبحار قبل العاصفة.", "القمر فوق البحر (2026) جميل."},
			"en": {"The port is quiet.", "No ship sails.", "The moon is bright."},
		}},
		{"long-name", strings.TrimSpace(strings.Repeat("An Unabridged Account of the Northern Coast and of Everybody Who Ever Lived There, ", 2)) + " Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen" + strings.Repeat("x", 120), "", 12, map[string][]string{
			"en": {strings.Repeat("a very long line of dialogue that goes on and on ", 12), strings.Repeat("unbroken", 40), "short"},
		}},
	} {
		film := mediatest.Film{Name: f.id, Rate: rate, StartTimecode: f.start}
		for s := int64(0); s < f.seconds; s += 4 {
			film.Scenes = append(film.Scenes, mediatest.Scene{Frames: 100, Seed: uint64(40*i) + uint64(s)/4 + 3})
		}
		for language, lines := range f.texts {
			each := film.Frames() / int64(len(lines))
			text := mediatest.Text{Language: language, Format: "vtt"}
			for n, line := range lines {
				text.Lines = append(text.Lines, mediatest.Line{Start: int64(n)*each + 5, End: int64(n+1)*each - 5, Text: webVTT(line), Speaker: []string{"Mara", "Jonas"}[n%2]})
			}
			film.Texts = append(film.Texts, text)
		}
		folder := filepath.Join(dir, f.id)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		m := webFilm(t, film, folder)
		m.Title.Id, m.Title.Name, m.Title.Credit = f.id, f.name, "generated by Cinedex"
		out = append(out, m)
	}
	return append(out, webReel(t, filepath.Join(dir, "the-reel")))
}

// webReel writes a film in ProRes.
func webReel(t *testing.T, dir string) *pb.MediaArrived {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	film := mediatest.Film{Name: "playable", Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: 50, Seed: 301}, {Frames: 50, Seed: 302}}}
	m := webFilm(t, film, dir)
	ffmpeg, err := testCache(t).Tool("ffmpeg")
	need(t, "ffmpeg", err)
	reel := filepath.Join(dir, "the-reel.mov")
	if out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-nostdin", "-y", "-i", filepath.Join(dir, "playable.mp4"), "-c:v", "prores", "-profile:v", "0", reel).CombinedOutput(); err != nil {
		t.Fatalf("writing ProRes: %v: %s", err, out)
	}
	if err := os.Remove(filepath.Join(dir, "playable.mp4")); err != nil {
		t.Fatal(err)
	}
	if m.Url, err = mediaURL(reel); err != nil {
		t.Fatal(err)
	}
	m.Title.Id, m.Title.Name, m.Title.Credit = "the-reel", "The Reel", "generated by Cinedex"
	return m
}

// webFilm writes a film without speech, and returns the event of its arrival.
func webFilm(t *testing.T, f mediatest.Film, dir string) *pb.MediaArrived {
	t.Helper()
	cache := testCache(t)
	ffmpeg, err := cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	truth, err := f.Write(context.Background(), dir, mediatest.Tools{FFmpeg: ffmpeg})
	if err != nil {
		t.Fatal(err)
	}
	m := &pb.MediaArrived{Title: &pb.Title{}}
	if m.Url, err = mediaURL(truth.Path); err != nil {
		t.Fatal(err)
	}
	for lang, path := range truth.SideCars {
		u, err := mediaURL(path)
		if err != nil {
			t.Fatal(err)
		}
		m.Text = append(m.Text, &pb.SideCar{Url: u, Language: lang})
	}
	return m
}

// webVTT writes a line so that WebVTT shows the line as it is.
func webVTT(line string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line)
}

// lighthouse are the ten lines of the first film, in five languages.
var lighthouse = map[string][]string{
	"en": {"The keeper lit the lamp at dusk.", "Nobody sails before the storm.", "A strong black coffee, captain.", "We have no sugar left, only honey.", "Did you hear the whistle last night?",
		"The train stopped, and then it was silent.", "My grandmother planted that apple tree.", "The telescope shows two moons.", "Promise me that you will write a letter.", "The lamp went dark, captain."},
	"de": {"Der Wärter zündete in der Dämmerung die Lampe an.", "Niemand segelt vor dem Sturm.", "Einen starken schwarzen Kaffee, Kapitän.", "Wir haben keinen Zucker mehr, nur Honig.", "Hast du gestern Nacht das Pfeifen gehört?",
		"Der Zug hielt, und dann war es still.", "Meine Großmutter hat diesen Apfelbaum gepflanzt.", "Das Fernrohr zeigt zwei Monde.", "Versprich mir, dass du einen Brief schreibst.", "Die Lampe ging aus, Kapitän."},
	"es": {"El farero encendió la lámpara al anochecer.", "Nadie zarpa antes de la tormenta.", "Un café solo y fuerte, capitán.", "No nos queda azúcar, solo miel.", "¿Oíste el silbato anoche?",
		"El tren se detuvo y luego hubo silencio.", "Mi abuela plantó ese manzano.", "El telescopio muestra dos lunas.", "Prométeme que escribirás una carta.", "La lámpara se apagó, capitán."},
	"fr": {"Le gardien alluma la lampe au crépuscule.", "Personne ne navigue avant la tempête.", "Un café noir bien fort, capitaine.", "Nous n'avons plus de sucre, seulement du miel.", "As-tu entendu le sifflet cette nuit ?",
		"Le train s'est arrêté, puis ce fut le silence.", "Ma grand-mère a planté ce pommier.", "Le télescope montre deux lunes.", "Promets-moi que tu écriras une lettre.", "La lampe s'est éteinte, capitaine."},
	"ja": {"灯台守は夕暮れに灯をともした。", "嵐の前に船を出す人はいない。", "濃いコーヒーをください、船長。", "砂糖はもうない。蜂蜜だけだ。", "昨夜、汽笛を聞いた？",
		"列車が止まり、それから静かになった。", "あのりんごの木は祖母が植えたの。", "望遠鏡には月が二つ見える。", "手紙を書くと約束して。", "灯が消えました、船長。"},
}
