package webapp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// An overwritten film is neither played nor searched by frame under the old identity, and the status names the film. The restored film is played again.
func TestOverwrittenFilm(t *testing.T) {
	l := apitest.New(t)
	shot := l.Shoot(harbour("harbour"))
	a := l.Add(shot)
	blue := harbour("blue")
	for i := range blue.Shots {
		blue.Shots[i].Colour = apitest.Blue
	}
	l.Add(l.Shoot(blue))
	s := l.Serve(tokens)
	path := filepath.Join(l.Folder, shot.Media.GetKey())
	film, other := contents(t, path), contents(t, filepath.Join(l.Folder, "blue.mp4"))

	type answer struct {
		StatusCode int
		Status     string
		Header     http.Header
	}
	get := func(span string) (answer, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/media/"+a.GetId(), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer all")
		if span != "" {
			req.Header.Set("Range", span)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{resp.StatusCode, resp.Status, resp.Header}, body
	}
	client := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL, connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			req.Header().Set("Authorization", "Bearer all")
			return next(ctx, req)
		}
	})))
	// The vector of a frame is remembered, so each search is for another frame.
	frame := 0
	likeFrame := func() error {
		frame++
		_, err := client.Search(t.Context(), connect.NewRequest(&pb.SearchRequest{Query: &pb.Query{Node: &pb.Query_Leaf{Leaf: &pb.Leaf{Kind: "like_frame", Asset: a.GetId(), Timecode: fmt.Sprintf("01:00:15:%02d", frame)}}}}))
		return err
	}
	bytesOf := func() string {
		t.Helper()
		r, err := client.GetStatus(t.Context(), connect.NewRequest(&pb.GetStatusRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Msg.GetAssets() {
			if s.GetAsset() == a.GetId() {
				return s.GetBytes()
			}
		}
		t.Fatal("the asset has no status")
		return ""
	}
	plays := func() {
		t.Helper()
		resp, body := get("bytes=100-199")
		if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(body, film[100:200]) || resp.Header.Get("ETag") != fmt.Sprintf("%q", a.GetSha256()) {
			t.Errorf("a range: %s, %d bytes, ETag %s", resp.Status, len(body), resp.Header.Get("ETag"))
		}
		if err := likeFrame(); err != nil {
			t.Errorf("like this frame: %v", err)
		}
		if text := bytesOf(); text != "" {
			t.Errorf("status says that the bytes are %q", text)
		}
	}
	plays()
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, span := range []string{"", "bytes=100-199"} {
		resp, body := get(span)
		if resp.StatusCode != http.StatusConflict || !strings.Contains(string(body), "not those that arrived") || strings.Contains(string(body), l.Folder) || resp.Header.Get("ETag") != "" {
			t.Errorf("overwritten, range %q: %s, %.200s", span, resp.Status, body)
		}
	}
	if err := likeFrame(); connect.CodeOf(err) != connect.CodeAborted || !strings.Contains(err.Error(), "not those that arrived") || strings.Contains(err.Error(), l.Folder) {
		t.Errorf("overwritten, like this frame: %v", err)
	}
	if text := bytesOf(); !strings.Contains(text, "not those that arrived") {
		t.Errorf("overwritten, status says that the bytes are %q", text)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if resp, body := get(""); resp.StatusCode != http.StatusNotFound || strings.Contains(string(body), l.Folder) {
		t.Errorf("removed: %s, %.200s", resp.Status, body)
	}
	if err := os.WriteFile(path, film, 0o600); err != nil {
		t.Fatal(err)
	}
	plays()
}

// A film that moves to a hidden title is not sent on to the reader.
func TestMovedFilm(t *testing.T) {
	l := apitest.New(t)
	shot := l.Shoot(harbour("harbour"))
	path := filepath.Join(l.Folder, shot.Media.GetKey())
	// A box of 32 MiB that players pass over makes the transfer outlast the buffers of a connection.
	const size = 32 << 20
	box := make([]byte, size)
	binary.BigEndian.PutUint32(box, size)
	copy(box[4:], "free")
	film := append(contents(t, path), box...)
	if err := os.WriteFile(path, film, 0o600); err != nil {
		t.Fatal(err)
	}
	shot.Sha256, shot.Bytes = fmt.Sprintf("%x", sha256.Sum256(film)), int64(len(film))
	a := proto.CloneOf(l.Add(shot))
	s := l.Serve(tokens)
	move := func(title string) {
		t.Helper()
		a.Title, a.Revision = &pb.Title{Id: title}, a.GetRevision()+1
		if err := l.Store.PutAsset(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, to string
		whole    bool
	}{{"a move out of sight", "hidden", false}, {"a move within sight", "harbour", true}} {
		t.Run(c.name, func(t *testing.T) {
			move("harbour")
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return conn, conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			}}}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/media/"+a.GetId(), nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer harbour-only")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.CopyN(io.Discard, resp.Body, 64<<10)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("before: %s, %v", resp.Status, err)
			}
			move(c.to)
			time.Sleep(time.Second) // the transfer waits for its reader meanwhile, for longer than the time between two looks
			rest, err := io.Copy(io.Discard, resp.Body)
			if whole := err == nil && got+rest == int64(len(film)); whole != c.whole {
				t.Errorf("%d of %d bytes were sent, %v", got+rest, len(film), err)
			}
		})
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
