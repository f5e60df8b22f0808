package operating

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// Pages of runs.
const (
	defaultRuns = 100
	maxRuns     = 1000
)

// runLister is the part of the store that listing needs.
type runLister interface {
	store.Assets
	store.Runs
	store.Activation
}

// listRuns lists the runs of a selection, of titles that the caller may see, in the order of assets and runs.
func listRuns(ctx context.Context, s runLister, caller *authz.Caller, req *pb.ListRunsRequest) (*pb.ListRunsResponse, error) {
	if err := caller.Require(authz.Operator); err != nil {
		return nil, err
	}
	limit := int(req.GetLimit())
	switch {
	case limit == 0:
		limit = defaultRuns
	case limit < 0 || limit > maxRuns:
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", maxRuns)
	}
	asset, run, err := parseRunCursor(req.GetCursor())
	if err != nil {
		return nil, err
	}
	resp := &pb.ListRunsResponse{}
	// The asset at the end of the page before is read again: the asset may have more runs.
	var before string
	if asset != "" {
		before = predecessor(asset)
	}
	for a, err := range jobs.Assets(ctx, s, req.GetSelection(), before) {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		if !caller.MaySee(a.GetTitle().GetId()) || a.GetId() < asset {
			continue
		}
		all, err := runs.Of(ctx, s, a.GetId())
		if err != nil {
			return nil, err
		}
		active, err := runs.Active(ctx, s, a.GetId())
		if err != nil {
			return nil, err
		}
		for _, r := range all {
			if a.GetId() == asset && r.GetId() <= run || !jobs.SelectsRun(req.GetSelection(), r.GetAlgorithm(), r.GetVersion()) {
				continue
			}
			if len(resp.Runs) == limit {
				last := resp.Runs[limit-1].GetRun()
				resp.Cursor = base64.RawURLEncoding.EncodeToString([]byte(last.GetAsset() + "\n" + last.GetId()))
				return resp, nil
			}
			seen := runs.Seen(active, r.GetAlgorithm())
			resp.Runs = append(resp.Runs, &pb.RunEntry{Run: r, Title: a.GetTitle().GetId(), Active: seen.GetRun() == r.GetId(), Previous: seen.GetPrevious() == r.GetId()})
		}
	}
	return resp, nil
}

func parseRunCursor(cursor string) (asset, run string, err error) {
	if cursor == "" {
		return "", "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	asset, run, ok := strings.Cut(string(b), "\n")
	if err != nil || !ok || asset == "" {
		return "", "", errkind.New(errkind.Invalid, "cursor: not one that was given out")
	}
	return asset, run, nil
}

// predecessor is a text that comes before an id, with no other id between the two.
func predecessor(id string) string {
	return id[:len(id)-1] + string([]byte{max(id[len(id)-1], 1) - 1}) + "\xff"
}
