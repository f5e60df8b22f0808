package upload

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/tus/tusd/v2/pkg/handler"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// store is the data store of tusd's handler over a shelf. The handler holds the lock of an upload during each call.
type store struct{ *Service }

// NewUpload implements handler.DataStore. The callback before it has checked the fields.
func (s store) NewUpload(_ context.Context, info handler.FileInfo) (handler.Upload, error) {
	now := s.now().UnixMilli()
	r := &record{ID: info.ID, Caller: info.MetaData[metaCaller], Bytes: info.Size, Meta: info.MetaData, State: stateUnfinished, CreatedMs: now, TouchedMs: now}
	if titles := info.MetaData[metaRetitle]; titles != "" {
		r.Retitle = strings.Split(titles, "\n")
	}
	delete(r.Meta, metaCaller)
	delete(r.Meta, metaRetitle)
	if err := s.shelf.put(r); err != nil {
		return nil, s.told(err)
	}
	return &piece{s.Service, r}, nil
}

// GetUpload implements handler.DataStore.
func (s store) GetUpload(_ context.Context, id string) (handler.Upload, error) {
	r, err := s.shelf.get(id)
	if err != nil {
		return nil, s.told(err)
	}
	return &piece{s.Service, r}, nil
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (s store) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload { return u.(*piece) }

// A piece is an upload that a request works on.
type piece struct {
	*Service
	*record
}

// GetInfo implements handler.Upload.
func (p *piece) GetInfo(context.Context) (handler.FileInfo, error) {
	at, err := p.shelf.offset(p.record)
	if err != nil {
		return handler.FileInfo{}, p.told(err)
	}
	return handler.FileInfo{ID: p.ID, Size: p.Bytes, Offset: at, MetaData: p.Meta}, nil
}

// GetReader implements handler.Upload. Uploads are never read back.
func (p *piece) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotImplemented
}

// Terminate implements handler.TerminatableUpload.
func (p *piece) Terminate(context.Context) error { return p.told(p.shelf.drop(p.ID)) }

// FinishUpload implements handler.Upload.
func (p *piece) FinishUpload(ctx context.Context) error { return p.told(p.deliver(ctx, p.record)) }

// unreadBytes is how much is read of a piece that is refused, so that a client that only sends reads the refusal.
const unreadBytes = 32 << 20

// WriteChunk implements handler.Upload. The bytes of src count as soon as they are in the file, also where the client goes away or an error ends the
// piece.
func (p *piece) WriteChunk(_ context.Context, offset int64, src io.Reader) (int64, error) {
	f, err := os.OpenFile(p.shelf.bytesPath(p.ID), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, p.told(err)
	}
	// A second process over the same folder would write between the bytes of this one.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return 0, refusal(http.StatusLocked, "another process writes to this upload; try again")
	}
	h, err := p.shelf.sum(p.record, offset)
	if err != nil {
		_ = f.Close()
		return 0, p.told(err)
	}
	n, err := p.take(f, h, offset, src)
	if kept := p.keepSum(h, offset+n); err == nil {
		err = kept
	}
	p.TouchedMs = p.now().UnixMilli()
	if kept := p.shelf.put(p.record); err == nil && !full(kept) { // an older record costs a second reading of the bytes
		err = kept
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_, _ = io.CopyN(io.Discard, src, unreadBytes)
	}
	if errkind.Is(err, errkind.Invalid) { // nothing of the file is of use
		if dropped := p.shelf.drop(p.ID); dropped != nil {
			p.deps.Log.Warn("deleting a refused upload", "upload", p.ID, "error", dropped)
		}
		p.ended.WithLabelValues("refused").Inc()
		n = 0
	}
	return n, p.told(err)
}

// take appends src to f and to the sum, and refuses a file that is no film by its first bytes.
func (p *piece) take(f *os.File, h hash.Hash, offset int64, src io.Reader) (n int64, err error) {
	to := writerFunc(func(b []byte) (int, error) {
		n, err := p.shelf.write(f, b)
		_, _ = h.Write(b[:n])
		return n, err
	})
	if head := min(int64(headBytes), p.Bytes); offset < head {
		if n, err = io.Copy(to, io.LimitReader(src, head-offset)); err != nil || offset+n < head {
			return n, err
		}
		if err := p.checkHead(head); err != nil {
			return n, err
		}
	}
	more, err := io.Copy(to, src)
	return n + more, err
}

func (p *piece) checkHead(n int64) error {
	f, err := os.Open(p.shelf.bytesPath(p.ID))
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, n)
	if _, err := io.ReadFull(f, head); err != nil {
		return err
	}
	if !p.film() {
		return nil // a text is read whole at its end
	}
	return checkFilm(head)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// full reports whether an error says that a disk takes no more.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// told turns an error into an answer of the handler. Paths stay in the log.
func (s *Service) told(err error) error {
	var answered handler.Error
	switch {
	case err == nil || errors.As(err, &answered):
		return err
	case full(err):
		s.deps.Log.Error("the disk of uploads is full", "folder", s.cfg.Folder, "error", err)
		return errFull
	case errkind.Is(err, errkind.Internal):
		s.deps.Log.Error("taking an upload", "error", err)
		return refusal(http.StatusInternalServerError, "something went wrong; the service's log says what. The bytes sent so far are kept: try again")
	case errkind.Is(err, errkind.Invalid):
		return refusal(http.StatusUnsupportedMediaType, "%s", err.Error())
	}
	return refusal(errkind.Of(err).HTTPStatus(), "%s", err.Error())
}

var errFull = refusal(http.StatusInsufficientStorage, "the disk for films is full. The bytes sent so far are kept: ask the operator to make room, then continue the upload")

// refusal is an answer in words.
func refusal(status int, format string, args ...any) handler.Error {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	return handler.Error{ErrorCode: "ERR_CINEDEX", Message: text, HTTPResponse: handler.HTTPResponse{StatusCode: status, Body: text + "\n",
		Header: handler.HTTPHeader{"Content-Type": "text/plain; charset=utf-8"}}}
}
