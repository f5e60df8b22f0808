package ingest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/rpc"
)

// An uploaded film, with a text, is in the library as a film of any upload system; a file that is no film is told to the sender.
func TestUploadedFilm(t *testing.T) {
	cfg := Default()
	cfg.Uploads.Folder, cfg.Uploads.MinFreeBytes = must[string](t)(filepath.EvalSymlinks(t.TempDir())), 0
	w := newWorldOf(t, cfg, nil)
	tus := func(method, path string, headers map[string]string, body []byte) (int, http.Header, string) {
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, w.server.URL+path, bytes.NewReader(body)))
		// A page sends the cookie, and the header of the protocol, which no page of another site may send.
		r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: "sender-of-open"})
		r.Header.Set("Tus-Resumable", "1.0.0")
		for k, v := range headers {
			r.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.Header, string(must[[]byte](t)(io.ReadAll(resp.Body)))
	}
	send := func(b []byte, meta ...string) string {
		t.Helper()
		for i := range meta {
			k, v, _ := strings.Cut(meta[i], "=")
			meta[i] = k + " " + base64.StdEncoding.EncodeToString([]byte(v))
		}
		status, h, body := tus(http.MethodPost, "/uploads/", map[string]string{"Upload-Length": fmt.Sprint(len(b)), "Upload-Metadata": strings.Join(meta, ",")}, nil)
		if status != http.StatusCreated {
			t.Fatalf("beginning: %d %s", status, body)
		}
		if status, _, body = tus(http.MethodPatch, h.Get("Location"), map[string]string{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, b); status != http.StatusNoContent {
			t.Fatalf("sending: %d %s", status, body)
		}
		return strings.TrimPrefix(h.Get("Location"), "/uploads/")
	}
	film := must[[]byte](t)(os.ReadFile(strings.TrimPrefix(w.film("film"), "file://")))
	text := send([]byte("1\n00:00:00,000 --> 00:00:00,900\nThe harbour.\n"), "part=text", "title=open", "language=en", "filename=film.srt")
	send(film, "title=open", "name=Open Water", "filename=film.mp4", "text="+text)
	w.settle()
	a := w.asset()
	if a.GetTitle().GetName() != "Open Water" || a.GetSha256() != fmt.Sprintf("%x", sum256(string(film))) || len(a.GetText()) != 1 || a.GetText()[0].GetLanguage() != "en" || a.GetText()[0].GetCues() != 1 {
		t.Errorf("the asset is %v", a)
	}
	broken := send(append([]byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"), make([]byte, 2000)...), "title=open", "filename=broken.mp4")
	w.settle()
	var list struct {
		Uploads []struct{ ID, State, Kind, Reason, Asset string }
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, _, body := tus(http.MethodGet, "/uploads", nil, nil)
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			t.Fatal(err)
		}
		states := map[string]string{}
		for _, u := range list.Uploads {
			states[u.State] = u.ID
			if u.State == "refused" && (u.ID != broken || u.Kind != "invalid" || u.Reason == "" || strings.Contains(u.Reason, cfg.Uploads.Folder)) {
				t.Errorf("%+v", u)
			}
			if u.State == "arrived" && u.Asset != a.GetId() {
				t.Errorf("%+v", u)
			}
		}
		if states["refused"] != "" && states["arrived"] != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s", body)
		}
	}
}
