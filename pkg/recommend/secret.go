package recommend

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Secret hashes the names of people, and signs the searches that picks are made of.
type Secret []byte

// minSecret is the least number of bytes of a secret.
const minSecret = 32

// ReadSecret reads the secret of a file.
func ReadSecret(path string) (Secret, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "recommend.key_file: %w", err)
	}
	if len(b) < minSecret {
		return nil, errkind.New(errkind.Invalid, "recommend.key_file: %d bytes are fewer than the %d of a secret; write one with: head -c 32 /dev/urandom", len(b), minSecret)
	}
	return b, nil
}

// NewSecret draws a secret, as text.
func NewSecret() string {
	b := make([]byte, minSecret)
	_, _ = rand.Read(b) // never fails: see crypto/rand
	return hex.EncodeToString(b)
}

func (s Secret) sum(use string, of ...string) []byte {
	h := hmac.New(sha256.New, s)
	for _, t := range append([]string{use}, of...) {
		_, _ = h.Write(binary.AppendUvarint(nil, uint64(len(t))))
		_, _ = h.Write([]byte(t))
	}
	return h.Sum(nil)
}

// Person is the keyed hash of a name. The hash begins with Prefix.
func (s Secret) Person(name string) string {
	return s.Prefix() + hex.EncodeToString(s.sum("person", name)[:12])
}

// Prefix tells the persons of this secret from the persons of another secret.
func (s Secret) Prefix() string { return hex.EncodeToString(s.sum("secret")[:4]) + "." }

// Bounds of a search.
const (
	MaxQuery  = 256 // bytes of a query's normal form
	MaxHits   = 200
	macBytes  = 16
	hitBytes  = 6
	maxSearch = 4 * (1 + macBytes + 2 + MaxQuery + hitBytes*MaxHits) / 3
	version   = 1
)

// Search names an answer: the query in its normal form and the hits of the page, signed for the person who was answered. Search returns ""
// for a query that is too long. The same answer has the same name.
func (s Secret) Search(name, query string, hits []*pb.Hit) string {
	if query == "" || len(query) > MaxQuery || len(hits) > MaxHits {
		return ""
	}
	body := append(binary.AppendUvarint(nil, uint64(len(query))), query...)
	for _, h := range hits {
		body = append(body, s.moment(h.GetAsset(), h.GetStart(), h.GetEnd())...)
	}
	signed := append([]byte{version}, s.sum("search", name, string(body))[:macBytes]...)
	return base64.RawURLEncoding.EncodeToString(append(signed, body...))
}

func (s Secret) moment(asset string, start, end int64) []byte {
	at := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(start)), uint64(end))
	return s.sum("moment", asset, string(at))[:hitBytes]
}

var errSearch = errkind.New(errkind.Invalid, "search: not one that was given out to this caller; search again")

// Open returns the query of a search that was given out to a person, and whether a moment is among the hits.
func (s Secret) Open(name, search string) (query string, has func(*pb.PickedMoment) bool, err error) {
	if len(search) > maxSearch {
		return "", nil, errSearch
	}
	b, err := base64.RawURLEncoding.DecodeString(search)
	if err != nil || len(b) < 1+macBytes || b[0] != version {
		return "", nil, errSearch
	}
	mac, body := b[1:1+macBytes], b[1+macBytes:]
	if !hmac.Equal(mac, s.sum("search", name, string(body))[:macBytes]) {
		return "", nil, errSearch
	}
	n, used := binary.Uvarint(body)
	if used <= 0 || n > MaxQuery || int(n) > len(body)-used {
		return "", nil, errSearch
	}
	query = strings.Clone(string(body[used : used+int(n)]))
	hits := slices.Collect(slices.Chunk(body[used+int(n):], hitBytes))
	return query, func(m *pb.PickedMoment) bool {
		want := s.moment(m.GetAsset(), m.GetStart(), m.GetEnd())
		return slices.ContainsFunc(hits, func(h []byte) bool { return hmac.Equal(h, want) })
	}, nil
}
