package gateway

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A position is how far a stream of new hits is. A token is a position with the fingerprint of the saved search. A position is made of
// nothing but what the caller may see.
type position struct {
	horizon int64  // ms
	told    []told // behind the horizon, by since
}

// A told is a moment that was told, or that was there before the stream began.
type told struct {
	since int64 // when readers began to see the newest run of the asset
	asset string
	schema.Interval
	gone bool // the moment was told as gone
}

const (
	// maxTold bounds the moments of a token, beside those of the asset that was told last. Beyond that the horizon rises.
	maxTold = 1000
	// maxToken bounds a token from outside.
	maxToken = 384 << 10
	// goneMark stands in a token before the asset of a moment that is gone. No asset begins so.
	goneMark = "-"
	// fingerprint is the number of bytes of a saved search's fingerprint.
	fingerprint = 8
)

// rise moves the horizon, and forgets what is no longer behind the horizon.
func (p *position) rise(horizon int64) {
	p.horizon = max(p.horizon, horizon)
	p.told = slices.DeleteFunc(p.told, func(t told) bool { return t.since <= p.horizon })
}

// note adds moments of an asset that were told as new, or as gone. The later telling of a moment counts. Assets come in the order of their newest runs.
func (p *position) note(e *entry, ms []*moment, gone bool) {
	since := e.newest()
	p.told = slices.DeleteFunc(p.told, func(t told) bool {
		return t.gone != gone && t.asset == e.id && slices.ContainsFunc(ms, func(m *moment) bool { return sharesTime(m.Interval, t.Interval) })
	})
	for _, m := range ms {
		p.told = append(p.told, told{since, e.id, m.Interval, gone})
	}
	slices.SortStableFunc(p.told, func(a, b told) int { return cmp.Compare(a.since, b.since) })
	if n := len(p.told) - maxTold; n > 0 {
		p.rise(min(p.told[n-1].since, since-1))
	}
}

// moments returns the moments that were told as new, or as gone, without evidence.
func (p *position) moments(gone bool) (out []*moment) {
	for _, t := range p.told {
		if t.gone == gone {
			out = append(out, &moment{asset: t.asset, Interval: t.Interval})
		}
	}
	return out
}

// knows reports whether moments of an asset were told behind the horizon.
func (p *position) knows(asset string) bool {
	return slices.ContainsFunc(p.told, func(t told) bool { return t.asset == asset })
}

func printSaved(s *pb.SavedSearch) []byte {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(s)
	sum := sha256.Sum256(b)
	return sum[:fingerprint]
}

// token writes the position.
func (p *position) token(s *pb.SavedSearch) string {
	b := protowire.AppendVarint(printSaved(s), uint64(p.horizon))
	asset := ""
	for _, t := range p.told {
		name := t.asset
		if name == asset { // as the moment before
			name = ""
		} else {
			asset = t.asset
		}
		if t.gone {
			name = goneMark + name
		}
		b = protowire.AppendString(b, name)
		b = protowire.AppendVarint(b, uint64(t.since-p.horizon))
		b = protowire.AppendVarint(b, uint64(t.Start))
		b = protowire.AppendVarint(b, uint64(t.End-t.Start))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// positionOf reads a token of a saved search. The empty token is the position before everything.
func positionOf(s *pb.SavedSearch, token string) (*position, error) {
	p := &position{}
	if token == "" {
		return p, nil
	}
	invalid := errkind.New(errkind.Invalid, "since: not a token of this search as the search is now; leave since empty to begin now")
	if len(token) > maxToken {
		return nil, invalid
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < fingerprint || string(b[:fingerprint]) != string(printSaved(s)) {
		return nil, invalid
	}
	b = b[fingerprint:]
	number := func() (v int64) {
		u, n := protowire.ConsumeVarint(b)
		if n < 0 || u > 1<<62 {
			b, err = nil, invalid
			return 0
		}
		b = b[n:]
		return int64(u)
	}
	p.horizon = number()
	for asset := ""; len(b) > 0; {
		name, n := protowire.ConsumeString(b)
		if n < 0 {
			return nil, invalid
		}
		name, gone := strings.CutPrefix(name, goneMark)
		b, asset = b[n:], cmp.Or(name, asset)
		t := told{since: p.horizon + number(), asset: asset, gone: gone}
		t.Start = schema.Time(number())
		t.End = t.Start + schema.Time(number())
		p.told = append(p.told, t)
	}
	if err != nil {
		return nil, invalid
	}
	return p, nil
}
