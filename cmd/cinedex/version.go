package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// jsonVersion is the shape of `version --json`.
type jsonVersion struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(o *output) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version and the build of this program",
		Example: "  cinedex version\n  cinedex version --json | jq -r .version",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v := jsonVersion{Version: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if bi, ok := debug.ReadBuildInfo(); ok {
				for _, s := range bi.Settings {
					if s.Key == "vcs.revision" {
						v.Revision = s.Value
					}
				}
			}
			if o.json {
				return o.value(v)
			}
			o.printf("cinedex %s", v.Version)
			if v.Revision != "" {
				o.printf(", revision %.12s", v.Revision)
			}
			o.printf(" (%s, %s)\n", v.Go, v.Platform)
			return nil
		},
	}
}
