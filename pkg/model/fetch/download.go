package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

const (
	tries = 6
	// stall is the longest time without data on a connection. After that time the download continues on a new connection.
	stall = 30 * time.Second
)

// errMismatch marks a complete download with a wrong digest or size.
var errMismatch = errors.New("checksum mismatch")

// download writes p to dst, complete and checked. The rest of an earlier attempt in dst.part is continued. A wrong file is removed, and is an error
// of kind Invalid.
func (c Config) download(ctx context.Context, p *model.Package, dst string, progress func(done int64)) error {
	if c.Packages != "" {
		if found, err := copyIn(filepath.Join(c.Packages, p.File), dst, p); found || err != nil {
			return err
		}
	}
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := c.attempt(ctx, p, dst, progress)
		if err != nil && errkind.Of(err) != errkind.Unavailable {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxTries(tries), backoff.WithBackOff(backoff.NewExponentialBackOff()))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Err
	}
	if err != nil {
		return fmt.Errorf("downloading %s: %w", p.File, err)
	}
	return nil
}

func (c Config) attempt(ctx context.Context, p *model.Package, dst string, progress func(int64)) error {
	address, err := c.locate(ctx, p)
	if err != nil {
		return err
	}
	part := dst + ".part"
	resumed, err := c.transfer(ctx, p, address, part, progress)
	if err != nil {
		return err
	}
	err = commit(part, dst, p.Size, p.SHA256, 0o644)
	if errors.Is(err, errMismatch) && resumed {
		// The rest of an earlier attempt may be wrong: start over.
		if _, err = c.transfer(ctx, p, address, part, progress); err != nil {
			return err
		}
		err = commit(part, dst, p.Size, p.SHA256, 0o644)
	}
	return err
}

// transfer appends the missing bytes to part, and reports whether part held bytes before.
func (c Config) transfer(ctx context.Context, p *model.Package, address, part string, progress func(int64)) (resumed bool, err error) {
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	switch {
	case have == p.Size:
		progress(have)
		return true, nil
	case have > p.Size:
		if have, err = 0, restart(f); err != nil {
			return false, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stall, func() {
		cancel(errkind.New(errkind.Unavailable, "no data arrived for %v", stall))
	})
	defer watch.Stop()
	resp, err := c.request(ctx, address, have, f)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	resumed = have > 0 && resp.StatusCode == http.StatusPartialContent
	if !resumed {
		if have, err = 0, restart(f); err != nil {
			return false, err
		}
	}
	progress(have)
	return resumed, receive(ctx, p, resp.Body, f, have, func(done int64) {
		watch.Reset(stall)
		progress(done)
	})
}

// request asks for the bytes from have on. A server that cannot continue the download makes f empty, and is an error of kind Unavailable.
func (c Config) request(ctx context.Context, address string, have int64, f *os.File) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		err = errkind.Wrap(errkind.Unavailable, errors.Join(errors.New("the server cannot continue a download; starting over"), restart(f)))
	} else {
		err = statusError(resp)
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// receive appends the body of an answer to f, which holds have bytes. received is called with the number of bytes after each read.
func receive(ctx context.Context, p *model.Package, body io.Reader, f *os.File, have int64, received func(int64)) error {
	buf := make([]byte, 256<<10)
	for {
		n, rerr := body.Read(buf)
		if have += int64(n); have > p.Size {
			return errors.Join(mismatch(p.File, "more than the expected %d bytes arrived", p.Size), f.Truncate(0))
		}
		if _, err := f.Write(buf[:n]); err != nil {
			return err
		}
		if n > 0 {
			received(have)
		}
		switch {
		case rerr == io.EOF && have < p.Size:
			return errkind.New(errkind.Unavailable, "the connection ended after %d of %d bytes", have, p.Size)
		case rerr == io.EOF:
			return nil
		case rerr != nil:
			return unreachable(ctx, rerr)
		}
	}
}

func restart(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// copyIn copies p from a folder of packages, if the folder contains p.
func copyIn(src, dst string, p *model.Package) (found bool, err error) {
	in, err := os.Open(src)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer in.Close()
	return true, write(in, dst, p.Size, p.SHA256, 0o644)
}

// write writes r to dst by way of a temporary file, checked against size (0 for any) and sum ("" for any).
func write(r io.Reader, dst string, size int64, sum string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	tmp := dst + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if size > 0 {
		r = io.LimitReader(r, size+1) // a further byte shows that r is too long
	}
	_, err = io.Copy(f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return commit(tmp, dst, size, sum, mode)
}

// commit checks tmp and renames tmp to dst; a wrong tmp is removed.
func commit(tmp, dst string, size int64, sum string, mode os.FileMode) error {
	err := func() error {
		f, err := os.OpenFile(tmp, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		n, err := io.Copy(h, f)
		if err != nil {
			return err
		}
		if got := hex.EncodeToString(h.Sum(nil)); sum != "" && got != sum {
			return mismatch(filepath.Base(dst), "sha256 is %s, and %s is pinned; %d bytes", got, sum, n)
		}
		if size > 0 && n != size {
			return mismatch(filepath.Base(dst), "%d bytes arrived, and %d were expected", n, size)
		}
		if err := f.Chmod(mode); err != nil {
			return err
		}
		return f.Sync()
	}()
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, dst)
}

func mismatch(name, format string, args ...any) error {
	return errkind.Wrap(errkind.Invalid, fmt.Errorf("%s is not the pinned file: %w: %s; the file was not kept", name, errMismatch, fmt.Sprintf(format, args...)))
}
