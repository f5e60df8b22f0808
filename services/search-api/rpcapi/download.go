package rpcapi

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// download writes an export as a file that a browser saves: GET /exports?format=otio&bin=ID.
//
// A bin that is shared by a link alone is not exported here, since addresses are kept in many places: the secret of a link goes with Export alone.
// A file that fails halfway ends without an end, so that no browser takes the part for the whole.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	m, err := exportOf(r.URL.Query())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	ctx, end := rpc.BeginStream(r.Context())
	defer end()
	begun := false
	err = s.export(ctx, m, func(part *pb.ExportResponse) error {
		if f := part.GetFile(); f != nil {
			h := w.Header()
			h.Set("Content-Type", f.GetMediaType())
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.GetName()}))
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("Cache-Control", "no-store")
			begun = true
		}
		if _, err := w.Write(part.GetData()); err != nil {
			return errkind.New(errkind.Cancelled, "sending the file: %w", err)
		}
		return nil
	})
	switch {
	case err != nil && begun:
		rpc.Tell(s.deps.Log, err)
		panic(http.ErrAbortHandler)
	case err != nil:
		s.refuse(w, r, err)
	}
}

// refuse answers with the reason in plain words.
func (s *Server) refuse(w http.ResponseWriter, _ *http.Request, err error) {
	kind, text := rpc.Tell(s.deps.Log, err)
	rpc.SetRetryAfter(w.Header(), err)
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, text, kind.HTTPStatus())
}

// exportOf reads the request of an address. The names are those of ExportRequest; q, title and lang are of the page's own addresses.
func exportOf(v url.Values) (*pb.ExportRequest, error) {
	m, err := &pb.ExportRequest{}, error(nil)
	search := &pb.SearchRequest{Filter: &pb.Filter{}}
	number := func(name, value string) int32 {
		n, bad := strconv.ParseInt(value, 10, 32)
		if bad != nil && err == nil {
			err = errkind.New(errkind.Invalid, "%s: want a whole number, not %.40q", name, value)
		}
		return int32(n)
	}
	texts := map[string]*string{"format": &m.Format, "bin": &m.Bin, "asset": &m.Asset, "name": &m.Name, "reel": &m.Reel, "language": &m.Language,
		"record_start": &m.RecordStart, "rate": &m.Rate, "media_base": &m.MediaBase, "q": &search.Q, "profile": &search.Profile, "order": &search.Order}
	numbers := map[string]*int32{"limit": &m.Limit, "handles": &m.Handles}
	flags := map[string]*bool{"media": &m.Media, "exact": &m.Exact}
	lists := map[string]*[]string{"kinds": &m.Kinds, "title": &search.Filter.Titles, "lang": &search.Filter.Languages, "languages": &search.Languages}
	for name, values := range v {
		switch {
		case lists[name] != nil:
			*lists[name] = values
		case len(values) != 1:
			return nil, errkind.New(errkind.Invalid, "%.40s: stands %d times in the address, and belongs there once", name, len(values))
		case texts[name] != nil:
			*texts[name] = values[0]
		case numbers[name] != nil:
			*numbers[name] = number(name, values[0])
		case flags[name] != nil && slices.Contains([]string{"true", "false"}, values[0]):
			*flags[name] = values[0] == "true"
		case flags[name] != nil:
			return nil, errkind.New(errkind.Invalid, "%s: want true or false, not %.40q", name, values[0])
		default:
			return nil, errkind.New(errkind.Invalid, "%.40q is no option of an export: docs/guides/hand-off.md has the options", name)
		}
	}
	if search.GetQ() != "" {
		m.Search = search
	}
	return m, wrapOption(err)
}

func wrapOption(err error) error {
	if err != nil {
		return fmt.Errorf("reading the address: %w", err)
	}
	return nil
}
