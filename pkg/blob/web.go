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

// checkHost refuses a web address whose host is not among the allowed hosts.
func checkHost(u *url.URL, hosts []string) error {
	if u.Hostname() == "" {
		return errkind.New(errkind.Invalid, "the URL names no host")
	}
	if slices.Contains(hosts, u.Host) || u.Port() == "" && slices.Contains(hosts, u.Hostname()) {
		return nil
	}
	return errkind.New(errkind.Denied, "%s is not among the hosts that media may come from", u.Host)
}

// guardedClient returns a client for the allowed hosts, redirections included. The client checks each address at the moment of dialling: between a
// check of the name and the dialling, the name may be pointed to another machine.
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
			Proxy:                 nil, // a proxy would dial in the client's place, unguarded
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

// reserved are non-public ranges outside netip's private ranges.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // embeds an IPv4 address
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

// A host with less than leastBytes within longestWait is given up. Otherwise a slow host could occupy a worker without
// end.
const (
	longestWait = time.Minute
	leastBytes  = 64 << 10
)

// steady is the body of an answer, given up when the host sends too slowly. Only time that Read spends waiting for the host counts.
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
		return n, errkind.New(errkind.Unavailable, "the host sent %d bytes within %s: it is too slow, or has stopped", s.got, s.longest)
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

// A description is the metadata of a blob in a bucket or on a web host, known without reading the blob.
type description struct {
	size     int64  // -1 where unknown
	version  string // "" where the place tells no version
	modified time.Time
}

// webDescription reads the headers of an answer. A long version is hashed, since each asset stores its version.
func webDescription(res *http.Response) description {
	s := description{size: res.ContentLength}
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

// describeWeb asks for the first byte of a blob, and reads the blob's size and version from the headers. Some hosts do not answer HEAD.
func (b *Blobs) describeWeb(ctx context.Context, address string) (description, error) {
	ctx, cancel := context.WithTimeout(ctx, b.longest)
	defer cancel()
	res, err := b.get(ctx, address, "bytes=0-0")
	if err != nil {
		return description{}, err
	}
	res.Body.Close()
	return webDescription(res), nil
}

// openWeb opens the blob at a web address.
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
	s := webDescription(res)
	return &Blob{&steady{ReadCloser: res.Body, cancel: cancel, longest: b.longest}, s.size, s.version, s.modified}, nil
}

// get asks for a web address, or for a byte range of the address. A nil error means an answer with a body, which the caller MUST close.
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
			return nil, err // from the guard, with a kind
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
