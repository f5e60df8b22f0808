package libretranslate_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate/libretranslate"
	"github.com/cinedex/cinedex/pkg/translate/translatetest"
)

// documented answers as LibreTranslate's OpenAPI description says, and refuses a request of another shape. The real server needs models that it
// downloads, so no test runs the server.
func documented(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(status int, why string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
		}
		if r.Method != http.MethodPost || r.URL.Path != "/translate" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		}
		var q struct {
			Q, Source, Target, Format string
			APIKey                    string `json:"api_key"`
		}
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil || q.Format != "text" || q.Q == "" {
			t.Errorf("the request: %+v, %v", q, err)
		}
		text := map[string]string{"fr en pluie de nuit": "rain at night", "nb en regn": "rain", "en fr rain": "pluie"}[q.Source+" "+q.Target+" "+q.Q]
		switch {
		case q.APIKey != "key":
			refuse(http.StatusForbidden, "Invalid API key")
		case text == "":
			refuse(http.StatusBadRequest, q.Source+" is not supported")
		default:
			_ = json.NewEncoder(w).Encode(map[string]string{"translatedText": text})
		}
	})
}

func open(t *testing.T, h http.Handler, key string) *libretranslate.Translator {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	tr, err := libretranslate.New(libretranslate.Config{URL: s.URL + "/", APIKey: key, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTranslate(t *testing.T) {
	translatetest.Run(t, open(t, documented(t), "key"), translatetest.Pair{From: "fr", To: "en", Text: "pluie de nuit", Want: "rain at night"},
		translatetest.Pair{From: "no", To: "en", Text: "regn", Want: "rain"}, translatetest.Pair{From: "en", To: "fr", Text: "rain", Want: "pluie"})
	if _, err := open(t, documented(t), "wrong").Translate(t.Context(), "pluie", "fr", "en"); !errkind.Is(err, errkind.Unavailable) || !strings.Contains(err.Error(), "Invalid API key") {
		t.Errorf("a wrong key: %v", err)
	}
}

// TestOtherAnswers: an answer that is none of the documented answers is no translation.
func TestOtherAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   errkind.Kind
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, errkind.Unavailable},
		"too many": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"error":"Slowdown"}`, http.StatusTooManyRequests)
		}, errkind.Exhausted},
		"a page":  {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, errkind.Unavailable},
		"nothing": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }, errkind.NotFound},
		"an endless text": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"translatedText":"` + strings.Repeat("rain ", 100_000)))
		}, errkind.Unavailable},
		"a long text": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"translatedText":"` + strings.Repeat("rain ", 1000) + `"}`))
		}, errkind.NotFound},
	} {
		if got, err := open(t, c.answer, "").Translate(t.Context(), "pluie", "fr", "en"); err == nil || errkind.Of(err) != c.want {
			t.Errorf("%s: %q, %v, want %s", name, got, err, c.want)
		}
	}
	s := httptest.NewServer(documented(t))
	s.Close()
	tr, err := libretranslate.New(libretranslate.Config{URL: s.URL, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Translate(t.Context(), "pluie", "fr", "en"); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("no server: %v", err)
	}
	for _, bad := range []string{"", "localhost:5000", "ftp://a", "http://", "http://user:key@a", "http://a?api_key=1"} {
		if _, err := libretranslate.New(libretranslate.Config{URL: bad}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
