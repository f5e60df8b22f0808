package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/profile"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func newProfile(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:   "profile",
		Short: "Check, compare and try the profiles of applications",
		Long: `A profile is the file of an application: which leaves its queries ask and with which weight, what they are narrowed to, how moments are
scored, how alike the hits of a page may be, and which fields a hit has. docs/guides/profiles.md has every key.`,
		Example: "  cinedex profile check config/profiles/*.yaml\n  cinedex profile try config/profiles/trailer.yaml 'look:storm'",
	}
	c.AddCommand(newProfileCheck(o), newProfileDiff(o), newProfileTry(o, h))
	return c
}

// A checkedProfile is the verdict over a file.
type checkedProfile struct {
	File    string   `json:"file"`
	Profile string   `json:"profile,omitempty"` // name@version
	Error   string   `json:"error,omitempty"`
	Notes   []string `json:"notes"`
}

func newProfileCheck(o *output) *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE…",
		Short:   "Check the files of profiles, without a service",
		Example: "  cinedex profile check config/profiles/*.yaml",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, files []string) error {
			checked := []checkedProfile{}
			wrong := 0
			for _, f := range files {
				c := checkProfile(f)
				if c.Error != "" {
					wrong++
				}
				checked = append(checked, c)
			}
			if o.json {
				if err := o.value(map[string]any{"profiles": checked}); err != nil {
					return err
				}
			} else {
				printChecked(o, checked)
			}
			if wrong > 0 {
				return errkind.New(errkind.Invalid, "%d of %d files hold no valid profile", wrong, len(files))
			}
			return nil
		},
	}
}

func checkProfile(file string) checkedProfile {
	c := checkedProfile{File: file, Notes: []string{}}
	p, err := profile.ReadFile(file)
	if err == nil && filepath.Base(file) != p.Name+".yaml" {
		err = errkind.New(errkind.Invalid, "name: a service wants the profile %s in a file called %s.yaml", p.Name, p.Name)
	}
	if err != nil {
		c.Error = err.Error()
		return c
	}
	c.Profile = p.ID()
	known := builtinLeaves()
	for _, leaf := range slices.Sorted(maps.Keys(p.Leaves)) {
		if spelled, _ := known.Spelled(leaf); spelled != leaf {
			if spelled != "" {
				c.Notes = append(c.Notes, fmt.Sprintf("leaves.%s: an alias; write %s", leaf, spelled))
			} else {
				c.Notes = append(c.Notes, fmt.Sprintf("leaves.%s: no built-in algorithm declares the leaf", leaf))
			}
		}
	}
	return c
}

func printChecked(o *output, checked []checkedProfile) {
	for _, c := range checked {
		if c.Error != "" {
			o.printf("%s: %s\n", c.File, c.Error)
			continue
		}
		o.printf("%s: %s is valid\n", c.File, c.Profile)
		for _, n := range c.Notes {
			o.printf("  %s\n", n)
		}
	}
}

func newProfileDiff(o *output) *cobra.Command {
	return &cobra.Command{
		Use:     "diff BEFORE AFTER",
		Short:   "Show the keys that two profiles differ in",
		Example: "  cinedex profile diff config/profiles/editor.yaml config/profiles/trailer.yaml",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, files []string) error {
			var both [2]*profile.Profile
			for i, f := range files {
				p, err := profile.ReadFile(f)
				if err != nil {
					return fmt.Errorf("%s: %w", f, err)
				}
				both[i] = p
			}
			changes, err := profile.Diff(both[0], both[1])
			if err != nil {
				return err
			}
			if o.json {
				return o.value(map[string]any{"changes": append([]profile.Change{}, changes...)})
			}
			w := o.table()
			fmt.Fprintf(w, "KEY\t%s\t%s\n", both[0].ID(), both[1].ID())
			for _, c := range changes {
				fmt.Fprintf(w, "%s\t%s\t%s\n", c.Key, cmp.Or(c.Before, "-"), cmp.Or(c.After, "-"))
			}
			return w.Flush()
		},
	}
}

func newProfileTry(o *output, h *home) *cobra.Command {
	var against string
	var limit int32
	c := &cobra.Command{
		Use:   "try FILE QUERY",
		Short: "Answer a query with the file of a profile, beside the answer of today; for operators",
		Long: `Asks the service twice: with the file, which the service uses for this one query, and with the service's own profile of that name, or with
the profile that --against names. Where the service has no such profile, the second answer is without a profile.`,
		Example: "  cinedex profile try config/profiles/trailer.yaml 'look:\"a storm at sea\"'",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, a []string) error {
			b, err := os.ReadFile(a[0])
			if err != nil {
				return errkind.Wrap(errkind.Invalid, err)
			}
			p, err := profile.Parse(b)
			if err != nil {
				return fmt.Errorf("%s: %w", a[0], err)
			}
			client, e, err := h.client()
			if err != nil {
				return err
			}
			search := func(req *pb.SearchRequest) (*pb.SearchResponse, error) {
				r, err := client.Search(cmd.Context(), connect.NewRequest(req))
				if err != nil {
					return nil, err
				}
				return r.Msg, nil
			}
			after, err := search(&pb.SearchRequest{Q: a[1], TryProfile: b, Limit: limit})
			if err != nil {
				return h.explain(e, err)
			}
			before, err := today(search, a[1], cmp.Or(against, p.Name), against != "", limit)
			if err != nil {
				return h.explain(e, err)
			}
			return printTried(cmd.Context(), o, e.Server, before, after)
		},
	}
	c.Flags().StringVar(&against, "against", "", "the profile of the service to compare with (the file's name where it is empty)")
	c.Flags().Int32VarP(&limit, "limit", "n", 0, "hits wanted (the profile's own limit where it is 0)")
	return c
}

// today is the answer of the service's own profile. A profile that only the file's name asks for may be missing.
func today(search func(*pb.SearchRequest) (*pb.SearchResponse, error), q, name string, required bool, limit int32) (*pb.SearchResponse, error) {
	r, err := search(&pb.SearchRequest{Q: q, Profile: name, Limit: limit})
	if err == nil || required || connect.CodeOf(err) != connect.CodeNotFound {
		return r, err
	}
	return search(&pb.SearchRequest{Q: q, Limit: limit})
}

// printTried shows the new answer with the place that each hit had before.
func printTried(_ context.Context, o *output, server string, before, after *pb.SearchResponse) error {
	if o.json {
		// Two answers, a line each: before and after.
		return errors.Join(o.answer(before, server), o.answer(after, server))
	}
	type place struct {
		asset      string
		start, end int64
	}
	was := map[place]int{}
	for i, h := range before.GetHits() {
		was[place{h.GetAsset(), h.GetStart(), h.GetEnd()}] = i + 1
	}
	for _, f := range after.GetPartial() {
		o.note("without %s: %s", f.GetPart(), f.GetError())
	}
	w := o.table()
	fmt.Fprintf(w, "%s\t%s\tTITLE\tFROM\tSAID\n", after.GetProfile(), cmp.Or(before.GetProfile(), "no profile"))
	for i, h := range after.GetHits() {
		at := place{h.GetAsset(), h.GetStart(), h.GetEnd()}
		old := "-"
		if n := was[at]; n > 0 {
			old = fmt.Sprint(n)
			delete(was, at)
		}
		title := cmp.Or(h.GetTitleName(), h.GetTitle(), h.GetAsset())
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", i+1, old, title, cmp.Or(h.GetStartTimecode(), fmt.Sprint(h.GetStart())), strings.ReplaceAll(h.GetText(), "\n", " / "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(was) > 0 {
		o.note("%d hits of %s are no longer among the first", len(was), cmp.Or(before.GetProfile(), "the answer without a profile"))
	}
	return nil
}
