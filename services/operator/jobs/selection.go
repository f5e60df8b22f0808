package jobs

import (
	"context"
	"fmt"
	"strings"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Selection returns the selection of a job, as the job holds the selection; nil where the work has none.
func Selection(j *pb.Job) *pb.Selection {
	m, _ := message(j)
	if m == nil {
		return nil
	}
	if fd := m.Descriptor().Fields().ByName("selection"); fd == nil || !m.Has(fd) {
		return nil
	}
	sel, _ := m.Get(m.Descriptor().Fields().ByName("selection")).Message().Interface().(*pb.Selection)
	return sel
}

// selectionOf returns the selection of a job, and gives the job an empty selection where the job has none; nil where the work has no selection.
func selectionOf(j *pb.Job) *pb.Selection {
	m, _ := message(j)
	if m == nil {
		return nil
	}
	fd := m.Descriptor().Fields().ByName("selection")
	if fd == nil {
		return nil
	}
	sel, _ := m.Mutable(fd).Message().Interface().(*pb.Selection)
	return sel
}

// narrow limits a selection to the titles that the caller may see. A name that the caller may not see is NotFound, like a name that is not in the
// library. The selection of a caller who may see a part of the library becomes the assets of that part, whether or not the library has more assets:
// the job and the job's identity must not tell.
//
// fix turns the selection of every caller into assets. A job that belongs to a caller is hidden from the caller once an asset of the job is hidden.
func (s *Service) narrow(ctx context.Context, caller *authz.Caller, sel *pb.Selection, fix bool) error {
	if sel == nil {
		return nil
	}
	if sel.GetFromMs() < 0 || sel.GetToMs() < 0 || sel.GetToMs() > 0 && sel.GetToMs() <= sel.GetFromMs() {
		return errkind.New(errkind.Invalid, "selection.from_ms, selection.to_ms: want 0 <= from < to; a to of 0 is none")
	}
	assets, titles, series := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var visible []string
	for a, err := range s.deps.Store.AllAssets(ctx) {
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		if !caller.MaySee(a.GetTitle().GetId()) {
			continue
		}
		assets[a.GetId()], titles[a.GetTitle().GetId()], series[a.GetTitle().GetSeries()] = true, true, true
		if Selects(sel, a) {
			visible = append(visible, a.GetId())
		}
	}
	for _, named := range []struct {
		what string
		want []string
		have map[string]bool
	}{{"asset", sel.GetAssets(), assets}, {"title", sel.GetTitles(), titles}, {"series", sel.GetSeries(), series}} {
		for _, id := range named.want {
			if !named.have[id] {
				return errkind.New(errkind.NotFound, "selection: there is no %s %.64q", named.what, id)
			}
		}
	}
	if len(visible) == 0 && (len(assets) > 0 || !caller.SeesAll()) {
		return errkind.New(errkind.NotFound, "selection: no asset is of all of %s", strings.Join(describe(sel), ", "))
	}
	if fix || !caller.SeesAll() {
		sel.Assets, sel.Titles, sel.Series = visible, nil, nil
	}
	return nil
}

// describe lists the conditions of a selection.
func describe(sel *pb.Selection) []string {
	var out []string
	for _, part := range []struct {
		name   string
		values []string
	}{{"asset", sel.GetAssets()}, {"title", sel.GetTitles()}, {"series", sel.GetSeries()}} {
		if len(part.values) > 0 {
			out = append(out, part.name+" "+strings.Join(part.values, "|"))
		}
	}
	if len(out) == 0 {
		return []string{"the whole library"}
	}
	return out
}
