package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// checkHost holds a web address to the hosts that media may come from.
func checkHost(u *url.URL, hosts []string) error {
	if u.Hostname() == "" {
		return errkind.New(errkind.Invalid, "the URL names no host")
	}
	if slices.Contains(hosts, u.Host) || u.Port() == "" && slices.Contains(hosts, u.Hostname()) {
		return nil
	}
	return errkind.New(errkind.Denied, "%s is not among the hosts that media may come from", u.Host)
}

// guardedClient fetches from the allowed hosts only, redirections included, and
// looks at each address at the moment of dialling it: a name that was harmless
// when it was checked may be another machine when it is used.
func guardedClient(hosts []string, allowPrivate bool) *http.Client {
	dialer := &net.Dialer{
		Timeout: 10 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("dialling %s: %w", address, err)
			}
			if !allowPrivate && !public(at.Addr()) {
				return errkind.New(errkind.Denied, "the host's address %s is not a public one", at.Addr())
			}
			return nil
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 nil, // a proxy would dial where the guard does not look
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 30 * time.Second,
			IdleConnTimeout:       30 * time.Second,
			DisableCompression:    true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 5 {
				return errkind.New(errkind.Invalid, "the URL is redirected more than five times")
			}
			return checkHost(r.URL, hosts)
		},
	}
}

// reserved are the ranges that are neither private nor public by netip's own words.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // carries any IPv4 address inside
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// A host that sends less than leastBytes within longestWait is given up: it would hold a worker for as long as it likes.
const (
	longestWait = time.Minute
	leastBytes  = 64 << 10
)

// steady is a body that is given up when it comes too slowly. Only the time that reading waits for it counts.
type steady struct {
	io.ReadCloser
	cancel  context.CancelFunc
	longest time.Duration

	waited time.Duration
	got    int
}

func (s *steady) Read(p []byte) (int, error) {
	late := time.AfterFunc(s.longest-s.waited, s.cancel)
	begun := time.Now()
	n, err := s.ReadCloser.Read(p)
	s.waited += time.Since(begun)
	if s.got += n; !late.Stop() && !errors.Is(err, io.EOF) {
		return n, errkind.New(errkind.Unavailable, "the host sent %d bytes within %s: it is too slow, or stopped", s.got, s.longest)
	}
	if s.got >= leastBytes {
		s.got, s.waited = 0, 0
	}
	return n, err
}

func (s *steady) Close() error {
	s.cancel()
	return s.ReadCloser.Close()
}

// sight is what the place of a blob tells of it without reading it.
type sight struct {
	size     int64  // -1 where the place does not tell
	version  string // "" where nothing tells two versions apart
	modified time.Time
}

// webSight reads an answer's headers. The address of a version is hashed where it is long: it is kept for each asset.
func webSight(res *http.Response) sight {
	s := sight{size: res.ContentLength}
	s.modified, _ = http.ParseTime(res.Header.Get("Last-Modified"))
	if _, total, ok := strings.Cut(res.Header.Get("Content-Range"), "/"); ok && res.StatusCode == http.StatusPartialContent {
		s.size = -1
		if n, err := strconv.ParseInt(total, 10, 64); err == nil && n >= 0 {
			s.size = n
		}
	}
	etag, modified := res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	if etag+modified == "" {
		return s
	}
	if s.version = etag + " " + modified; len(s.version) > 128 {
		sum := sha256.Sum256([]byte(s.version))
		s.version = hex.EncodeToString(sum[:])
	}
	return s
}

// peekWeb asks for one byte, and so for what the host tells of all: not every host answers HEAD.
func (b *Blobs) peekWeb(ctx context.Context, address string) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, b.longest)
	defer cancel()
	res, err := b.get(ctx, address, "bytes=0-0")
	if err != nil {
		return sight{}, err
	}
	res.Body.Close()
	return webSight(res), nil
}

// openWeb opens what lies at a web address.
func (b *Blobs) openWeb(ctx context.Context, address string) (_ *Blob, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	res, err := b.get(ctx, address, "") //nolint:bodyclose // the blob closes it
	if err != nil {
		return nil, err
	}
	s := webSight(res)
	return &Blob{&steady{ReadCloser: res.Body, cancel: cancel, longest: b.longest}, s.size, s.version, s.modified}, nil
}

// get asks for a web address, or for a range of it. The answer is one that has bytes; its body is to be closed.
func (b *Blobs) get(ctx context.Context, address, span string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	if span != "" {
		req.Header.Set("Range", span)
	}
	res, err := b.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) && errkind.Of(u.Err) != errkind.Internal {
			return nil, err // ours, from the guard
		}
		return nil, errkind.Wrap(errkind.Unavailable, err)
	}
	kind := errkind.Unavailable
	switch {
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusPartialContent && span != "":
		return res, nil
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		kind = errkind.NotFound
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		kind = errkind.Denied
	case res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusRequestTimeout:
		kind = errkind.Invalid
	}
	res.Body.Close()
	return nil, errkind.New(kind, "the host answers %s", res.Status)
}
