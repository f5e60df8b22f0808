package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bounds of the saved searches of a caller.
const (
	MaxSaved      = 50
	maxSavedName  = 100       // characters
	maxSavedBytes = 128 << 10 // of a search: a query with a small picture
	saveAttempts  = 5
)

// savedFields are the fields of a request that a saved search keeps.
var savedFields = map[protoreflect.Name]bool{"query": true, "q": true, "filter": true, "profile": true, "languages": true, "fields": true, "as_written": true}

// SaveSearch keeps a search of a caller, and returns the query as understood. A search of the same name is replaced.
//
//   - Invalid: the name or the search cannot be kept.
//   - Exhausted: the caller has MaxSaved searches already.
func (g *Gateway) SaveSearch(ctx context.Context, caller *authz.Caller, req *pb.SaveSearchRequest) (*pb.SaveSearchResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	saved := req.GetSaved()
	audit.From(ctx).About(saved.GetName())
	if err := checkSaved(saved); err != nil {
		return nil, err
	}
	p, err := g.process(ctx, caller, saved.GetSearch())
	if err != nil {
		return nil, err
	}
	audit.From(ctx).Query(p.printed)
	err = g.changeSaved(ctx, caller, func(all *pb.SavedSearches) error {
		i, there := findSaved(all, saved.GetName())
		switch {
		case there:
			all.Searches[i] = saved
		case len(all.GetSearches()) >= MaxSaved:
			return errkind.New(errkind.Exhausted, "you have %d saved searches, the most allowed; delete one first", len(all.GetSearches()))
		default:
			all.Searches = slices.Insert(all.Searches, i, saved)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &pb.SaveSearchResponse{Query: p.printed}, nil
}

// checkSaved refuses a name or a search that cannot be kept.
func checkSaved(s *pb.SavedSearch) (err error) {
	if n := utf8.RuneCountInString(s.GetName()); n == 0 || n > maxSavedName {
		return errkind.New(errkind.Invalid, "saved.name: want from 1 to %d characters, not %d", maxSavedName, n)
	}
	if n := proto.Size(s); n > maxSavedBytes {
		return errkind.New(errkind.Invalid, "saved.search: %d bytes are more than the %d allowed; use a smaller picture", n, maxSavedBytes)
	}
	s.GetSearch().ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !savedFields[f.Name()] {
			err = errkind.New(errkind.Invalid, "saved.search.%s: a saved search has none; leave the field empty", f.Name())
		}
		return err == nil
	})
	return err
}

// findSaved returns where a search of a name is, or belongs.
func findSaved(all *pb.SavedSearches, name string) (int, bool) {
	return slices.BinarySearchFunc(all.GetSearches(), name, func(s *pb.SavedSearch, name string) int { return cmp.Compare(s.GetName(), name) })
}

// changeSaved changes the searches of a caller. Of several changes at the same time, each is made.
func (g *Gateway) changeSaved(ctx context.Context, caller *authz.Caller, change func(*pb.SavedSearches) error) error {
	for attempt := 1; ; attempt++ {
		all, err := g.deps.Store.Searches(ctx, caller.Name())
		if err != nil {
			return fmt.Errorf("reading your saved searches: %w", err)
		}
		if err := change(all); err != nil {
			return err
		}
		_, err = g.deps.Store.PutSearches(ctx, all)
		if err == nil {
			return nil
		}
		if !errkind.Is(err, errkind.Conflict) || attempt == saveAttempts {
			return fmt.Errorf("keeping your saved searches: %w", err)
		}
	}
}

// SavedSearches returns the searches of a caller, by name.
func (g *Gateway) SavedSearches(ctx context.Context, caller *authz.Caller) (*pb.ListSavedSearchesResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	all, err := g.deps.Store.Searches(ctx, caller.Name())
	if err != nil {
		return nil, fmt.Errorf("reading your saved searches: %w", err)
	}
	return &pb.ListSavedSearchesResponse{Saved: all.GetSearches()}, nil
}

// DeleteSavedSearch deletes a search of a caller. NotFound: the caller has no search of the name.
func (g *Gateway) DeleteSavedSearch(ctx context.Context, caller *authz.Caller, name string) error {
	if caller == nil {
		return errNobody
	}
	audit.From(ctx).About(name)
	return g.changeSaved(ctx, caller, func(all *pb.SavedSearches) error {
		i, there := findSaved(all, name)
		if !there {
			return errNoSaved(name)
		}
		all.Searches = slices.Delete(all.Searches, i, i+1)
		return nil
	})
}

// saved returns a search of a caller.
func (g *Gateway) saved(ctx context.Context, caller *authz.Caller, name string) (*pb.SavedSearch, error) {
	all, err := g.deps.Store.Searches(ctx, caller.Name())
	if err != nil {
		return nil, fmt.Errorf("reading your saved searches: %w", err)
	}
	i, there := findSaved(all, name)
	if !there {
		return nil, errNoSaved(name)
	}
	return all.GetSearches()[i], nil
}

func errNoSaved(name string) error {
	return errkind.New(errkind.NotFound, "you have no saved search %.100q", name)
}
