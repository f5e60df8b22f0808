package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A cursor is where the next page begins, and of which answer. It holds nothing of what the caller may not see: a cursor of the library's
// version would tell of changes elsewhere.
type cursor struct {
	offset int // moments before the page, or groups
	// sum and runs are of the census of the scope: they name the runs that the caller saw, and nothing else.
	sum  uint64
	runs int
	// last is the print of the moment before the page: a page never goes on in another answer.
	last uint32
	// profile and question are prints of the profile and of what was asked.
	profile  uint32
	question uint64
	asked    []byte // askedSum of the page before
}

// maxCursor bounds a cursor in base64.
const maxCursor = 64

var errNoCursor = errkind.New(errkind.Invalid, "cursor: not one that was given out for this query")

// cursor is the cursor of the page behind next moments, of which m is the last. The sum of what was asked holds the pages of one answer together:
// see heard.
func (p *processed) cursor(next int, m *moment, parts []*part) string {
	b := protowire.AppendVarint(nil, uint64(next))
	b = protowire.AppendVarint(b, uint64(p.scope.runs))
	b = binary.BigEndian.AppendUint64(b, p.scope.sum)
	b = binary.BigEndian.AppendUint32(b, printOf(m))
	b = binary.BigEndian.AppendUint32(b, p.profilePrint())
	b = binary.BigEndian.AppendUint64(b, p.question())
	return base64.RawURLEncoding.EncodeToString(append(b, askedSum(parts)...))
}

func parseCursor(text string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	offset, n := protowire.ConsumeVarint(b)
	if err != nil || n < 0 || offset == 0 || offset > MaxOffset {
		return c, errNoCursor
	}
	b = b[n:]
	runs, n := protowire.ConsumeVarint(b)
	if n < 0 || runs > 1<<40 || len(b) != n+24+askedBytes {
		return c, errNoCursor
	}
	b = b[n:]
	return cursor{offset: int(offset), runs: int(runs), sum: binary.BigEndian.Uint64(b), last: binary.BigEndian.Uint32(b[8:]),
		profile: binary.BigEndian.Uint32(b[12:]), question: binary.BigEndian.Uint64(b[16:]), asked: b[24:]}, nil
}

// of reports whether a scope holds the runs of the cursor.
func (c cursor) of(sc *scoped) bool { return sc.sum == c.sum && sc.runs == c.runs }

func (p *processed) profilePrint() uint32 { return binary.BigEndian.Uint32(p.profile.Print()) }

// question is a print of what decides which moments an answer has, and in which order.
func (p *processed) question() uint64 {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.SearchRequest{Query: p.tree, Filter: p.filter, AsWritten: p.asWritten})
	sum := sha256.Sum256(fmt.Appendf(b, "%t%t", p.byTime, p.byGroup))
	return binary.BigEndian.Uint64(sum[:])
}

// resume goes back to the answer that a cursor was given out for.
func (p *processed) resume(ctx context.Context, g *Gateway, caller *authz.Caller, text string) error {
	c, err := parseCursor(text)
	switch {
	case err != nil:
		return err
	case c.profile != p.profilePrint() && p.profile != noProfile:
		return errkind.New(errkind.Invalid, "cursor: given out with another profile, or with another version of the profile %s; search again", p.profile.Name)
	case c.profile != p.profilePrint() || c.question != p.question():
		return errNoCursor
	}
	if p.scope, err = p.scopeOfCursor(ctx, g, caller, c); err != nil {
		return err
	}
	p.snap, p.offset, p.last, p.heard = p.scope.snap, c.offset, c.last, c.asked
	return p.checkRuns(ctx, g)
}
