// Command cinedex is the command for people. The command runs the whole platform in a single process, and asks a
// running platform.
//
// Exit codes: 0 done; 1 something failed; 2 the command or its input is wrong; 3 a named thing does not exist; 4 not
// allowed; 5 a service or the log does not answer; 130 interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/lifecycle"
	"github.com/cinedex/cinedex/pkg/rpc"
)

func main() {
	ctx, stop := lifecycle.SignalContext(context.Background())
	err := newRoot(os.Stdout, os.Stderr).ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "cinedex:", said(err))
	if interrupted {
		os.Exit(130)
	}
	os.Exit(exitCode(err))
}

// said is the text of an error for a person: a service's answer without the name of its code.
func said(err error) string {
	text := err.Error()
	var c *connect.Error
	if errors.As(err, &c) {
		text = strings.ReplaceAll(text, c.Error(), c.Message())
	}
	return text
}

// usage is an error in the command line, with a pointer to the help.
func usage(c *cobra.Command, err error) error {
	return errkind.New(errkind.Invalid, "%w (see %s --help)", err, c.CommandPath())
}

func exitCode(err error) int {
	switch kindOf(err) {
	case errkind.Invalid:
		return 2
	case errkind.NotFound:
		return 3
	case errkind.Denied, errkind.Unauthenticated:
		return 4
	case errkind.Unavailable, errkind.Cancelled:
		return 5
	}
	return 1
}

// kindOf also reads the kind of a service's answer.
func kindOf(err error) errkind.Kind {
	var c *connect.Error
	if errors.As(err, &c) {
		for k := errkind.Internal; k <= errkind.Cancelled; k++ {
			if k.GRPCCode() == uint32(rpc.CodeOf(c)) {
				return k
			}
		}
	}
	return errkind.Of(err)
}

func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" {
		return bi.Main.Version
	}
	return "development"
}

func newRoot(stdout, stderr *os.File) *cobra.Command {
	o := &output{out: stdout, err: stderr}
	root := &cobra.Command{
		Use:   "cinedex",
		Short: "Find the frame where something is said, or seen, or looks like a given picture",
		Long: `Cinedex watches every film once and answers at once afterwards.

  cinedex demo                              everything on this machine, with films to search
  cinedex search 'we have to go'            what is said, in any language
  cinedex search 'look:"a butterfly"'       what is seen, in plain words
  cinedex search --image still.jpg          shots like a picture

Exit codes: 0 done, 1 failed, 2 wrong command or input, 3 not found, 4 not
allowed, 5 no answer from a service, 130 interrupted.`,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	group(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(c, err)
	})
	root.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON for programs, in the shape that docs/guides/json.md describes")
	h := &home{}
	root.PersistentFlags().StringVar(&h.dir, "home", envOr("CINEDEX_HOME", ".cinedex"), "folder of the data, and of the address of the running Cinedex (CINEDEX_HOME)")
	root.PersistentFlags().StringVar(&h.server, "server", os.Getenv("CINEDEX_SERVER"), "address of the search API, in place of the address in the home folder (CINEDEX_SERVER)")
	root.PersistentFlags().StringVar(&h.token, "token", os.Getenv("CINEDEX_TOKEN"), "token, instead of the home folder's (CINEDEX_TOKEN)")
	root.AddCommand(
		newDemo(o, h), newUp(o, h), newIngest(o, h), newSearch(o, h), newExport(o, h), newImport(o, h), newRecommend(o, h), newForget(o, h), newProfile(o, h), newSaved(o, h), newBins(o, h), newStatus(o, h),
		newModels(o), newAlgorithms(o), newAlgorithm(o, h), newLeaves(o, h), newJudgements(o, h), newTopics(o, h), newDeadLetters(o, h), newDoctor(o, h), newDump(o, h), newStore(o, h),
		newReplay(o, h), newJobs(o, h), newLag(o, h), newRuns(o, h), newCalibrate(o, h), newRebuild(o, h), newVerify(o, h), newRepair(o, h), newBatch(o, h), newLog(o, h), newVersion(o),
	)
	complete(root, h)
	return root
}

// group makes a command that only holds other commands. Alone, the command prints its help. An unknown command below is
// an error with a suggestion.
func group(c *cobra.Command) *cobra.Command {
	c.Args = func(c *cobra.Command, a []string) error {
		if len(a) == 0 {
			return nil
		}
		err := fmt.Errorf("unknown command %q", a[0])
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(a[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, ", "))
		}
		return usage(c, err)
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

func envOr(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

// args turns cobra's complaints about arguments into usage errors.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := check(c, a); err != nil {
			return usage(c, err)
		}
		return nil
	}
}
