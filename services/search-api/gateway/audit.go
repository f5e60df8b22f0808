package gateway

import (
	"context"
	"strings"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// note notes a search for the audit log: the query without its pictures, and the titles of the hits. q is nil where the query was not understood.
func note(ctx context.Context, req *pb.SearchRequest, q *processed, resp *pb.SearchResponse, err error) {
	call := audit.From(ctx)
	if call == nil {
		return
	}
	if q != nil {
		var images [][]byte
		for _, image := range pictures(q.tree) {
			images = append(images, *image)
		}
		call.Query(q.printed, images...)
	} else {
		text, cut := unread(req.GetQ())
		call.Query(text)
		if cut && err != nil { // the error's words may have a part of the picture
			call.End(errkind.New(errkind.Of(err), "a query with a picture was refused"))
		}
	}
	titles := make([]string, 0, len(resp.GetHits()))
	for _, h := range resp.GetHits() {
		titles = append(titles, h.GetTitle())
	}
	call.Told(len(resp.GetHits()), titles...)
	if len(resp.GetPartial()) > 0 {
		call.Partial()
	}
}

// unread is what is told of a line that was not understood: nothing from the first picture on, wherever that ends.
func unread(line string) (text string, cut bool) {
	for _, begins := range []string{"image", `b"`} {
		if i := strings.Index(strings.ToLower(line), begins); i >= 0 && i+len(begins) < len(line) {
			line, cut = line[:i]+"image…", true
		}
	}
	return line, cut
}
