package gateway

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// titled returns a filter whose titles are ids. A query gives a title by its id, or by its name in letters of any case.
//
//   - An id of a title that the caller may see is never taken for a name.
//   - Names of titles that the caller may not see are names of nothing.
//   - Several titles of one name are all wanted.
func (s *snapshot) titled(caller *authz.Caller, f *pb.Filter) *pb.Filter {
	names := map[string]bool{}
	for _, t := range f.GetTitles() {
		if !s.shownTitle(caller, t) {
			names[strings.ToLower(t)] = true
		}
	}
	if len(names) == 0 {
		return f
	}
	f = proto.CloneOf(f)
	last := ""
	s.titles.Scan(func(e *entry) bool {
		if e.title != last && names[strings.ToLower(e.name)] && caller.MaySee(e.title) {
			f.Titles, last = append(f.Titles, e.title), e.title
		}
		return len(f.Titles) < query.MaxFiltered
	})
	return f
}

// shownTitle reports whether a text is the id of a title that the caller may see.
func (s *snapshot) shownTitle(caller *authz.Caller, id string) bool {
	for e := range s.ofTitle(id) {
		return caller.MaySee(e.title)
	}
	return false
}
