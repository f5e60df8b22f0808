package webapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// registerPlayable puts the addresses of proxies, sheets of small pictures and peaks onto mux.
func (a *app) registerPlayable(mux *http.ServeMux, known func(http.HandlerFunc) http.Handler) {
	mux.Handle("GET /media/{asset}/proxy", known(a.proxy))
	mux.Handle("GET /sprites/{asset}", known(a.sprites))
	mux.Handle("GET /sprites/{asset}/{run}/{file}", known(a.sheet))
	mux.Handle("GET /waveform/{asset}", known(a.waveform))
}

const (
	// maxPiece bounds a piece of a proxy in memory. A piece of ten seconds has some megabytes.
	maxPiece = 128 << 20
	// maxPeaks bounds the peaks of a day of sound.
	maxPeaks = 64 << 20
)

// proxy serves the proxy of an asset with byte ranges. A run never changes, so the ETag is the run.
func (a *app) proxy(w http.ResponseWriter, r *http.Request) {
	asset := r.PathValue("asset")
	f, run, err := a.Gateway.ProxyFile(r.Context(), rpc.CallerFrom(r.Context()), asset)
	if err != nil {
		a.fail(w, err)
		return
	}
	own(w, "video/mp4", run, "private, no-cache")                                                                                                       // another run may be active at the next request
	film := &pieces{file: f, read: func(ref *pb.MediaRef) ([]byte, error) { return a.Blobs.Read(r.Context(), ref, maxPiece) }, fault: func(err error) { //nolint:contextcheck // the context is the request's
		a.Log.Error("serving a proxy", "asset", asset, "run", run, "error", err)
	}}
	http.ServeContent(w, r, "", time.Time{}, &until{ReadSeeker: film, ctx: r.Context(), looked: time.Now(), look: func() error { //nolint:contextcheck // the context is the request's
		return a.Gateway.Sees(r.Context(), rpc.CallerFrom(r.Context()), asset)
	}})
}

// own sets the headers of bytes that a run made.
func own(w http.ResponseWriter, contentType, run, cache string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("ETag", strconv.Quote(run))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Vary", "Authorization, Cookie") // the next person at the browser does not get the kept file
}

// pieces is a proxy as a film: the head, and then the pieces. A piece is read whole, and compared with the sum in the name.
type pieces struct {
	file  *proxy.File
	read  func(*pb.MediaRef) ([]byte, error)
	fault func(error)

	at    int64
	piece int    // the piece in data
	data  []byte // nil before the first piece is read
}

func (p *pieces) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.file.Size
	}
	if offset < 0 {
		return 0, errors.New("a seek before the beginning")
	}
	p.at = offset
	return offset, nil
}

func (p *pieces) Read(b []byte) (int, error) {
	begin := int64(len(p.file.Head))
	if p.at < begin {
		n := copy(b, p.file.Head[p.at:])
		p.at += int64(n)
		return n, nil
	}
	for i, piece := range p.file.Pieces {
		if p.at >= begin+piece.Size {
			begin += piece.Size
			continue
		}
		if p.data == nil || p.piece != i {
			data, err := p.read(piece.Ref)
			if err == nil && int64(len(data)) != piece.Size {
				err = errkind.New(errkind.Conflict, "piece %d has %d bytes, and is told as %d", i, len(data), piece.Size)
			}
			if err != nil {
				p.fault(err)
				return 0, err
			}
			p.piece, p.data = i, data
		}
		n := copy(b, p.data[p.at-begin:])
		p.at += int64(n)
		return n, nil
	}
	return 0, io.EOF
}

// sprites gives the index of the sheets of small pictures.
func (a *app) sprites(w http.ResponseWriter, r *http.Request) {
	index, err := a.Gateway.Sprites(r.Context(), rpc.CallerFrom(r.Context()), r.PathValue("asset"))
	if err != nil {
		a.fail(w, err)
		return
	}
	b, err := json.Marshal(index)
	if err != nil {
		a.fail(w, err)
		return
	}
	own(w, "application/json", index.Run, "private, no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

func (a *app) sheet(w http.ResponseWriter, r *http.Request) { a.picture(w, r, a.Gateway.Sheet) }

// waveform gives the peaks of the sound.
func (a *app) waveform(w http.ResponseWriter, r *http.Request) {
	ref, run, err := a.Gateway.Waveform(r.Context(), rpc.CallerFrom(r.Context()), r.PathValue("asset"))
	if err != nil {
		a.fail(w, err)
		return
	}
	a.serveBlob(w, r, ref, maxPeaks, func() { own(w, "application/octet-stream", run, "private, no-cache") })
}

// serveBlob serves own bytes. headers are set if the bytes can be read.
func (a *app) serveBlob(w http.ResponseWriter, r *http.Request, ref *pb.MediaRef, limit int64, headers func()) {
	b, err := a.Blobs.Read(r.Context(), ref, limit)
	if err != nil {
		// The error names files.
		a.Log.Error("serving own bytes", "path", r.URL.Path, "error", err)
		a.fail(w, errkind.New(errkind.Of(err), "this cannot be read now; the service's log says why"))
		return
	}
	headers()
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// picture serves a JPEG of a run, which never changes.
func (a *app) picture(w http.ResponseWriter, r *http.Request, find func(ctx context.Context, caller *authz.Caller, asset, run string, ordinal int64) (*pb.MediaRef, error)) {
	number, ok := strings.CutSuffix(r.PathValue("file"), ".jpg")
	ordinal, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		http.NotFound(w, r)
		return
	}
	ref, err := find(r.Context(), rpc.CallerFrom(r.Context()), r.PathValue("asset"), r.PathValue("run"), ordinal)
	if err != nil {
		a.fail(w, err)
		return
	}
	a.serveBlob(w, r, ref, maxThumbnail, func() {
		own(w, "image/jpeg", r.PathValue("run")+"/"+number, "private, max-age=86400, immutable")
	})
}
