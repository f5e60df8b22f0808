package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/clip"
	"github.com/cinedex/cinedex/pkg/model/fetch"
	"github.com/cinedex/cinedex/pkg/platform"
	"github.com/cinedex/cinedex/pkg/search/opensearch"
	"github.com/cinedex/cinedex/pkg/store/cassandrastore"
)

type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`
}

func newDoctor(o *output, h *home) *cobra.Command {
	var from settings
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "Check this machine, and say how to get missing programs and files",
		Long:    "Checks this machine, and says how to get missing programs and files; with --config, also checks the servers in a service's configuration.",
		Example: "  cinedex doctor\n  cinedex doctor --config config/indexer.yaml\n  cinedex doctor --json | jq '.findings[] | select(.ok | not)'",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			fs := examine(cmd.Context(), h)
			if from.file != "" || len(from.set) > 0 {
				fs = append(fs, servers(cmd.Context(), h, from)...)
			}
			wrong := 0
			for i, f := range fs {
				if f.OK {
					fs[i].Remedy = "" // nothing is to be done
				} else {
					wrong++
				}
			}
			if o.json {
				if err := o.value(map[string]any{"findings": fs}); err != nil {
					return err
				}
			} else {
				w := o.table()
				for _, f := range fs {
					mark := "ok"
					if !f.OK {
						mark = "LACKS"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\n", mark, f.Check, f.Detail)
					if f.Remedy != "" {
						fmt.Fprintf(w, "\t\t→ %s\n", f.Remedy)
					}
				}
				if err := w.Flush(); err != nil {
					return err
				}
			}
			if wrong > 0 {
				return fmt.Errorf("%d of %d checks found something", wrong, len(fs))
			}
			return nil
		},
	}
	from.flags(c, "YAML file of any service")
	return c
}

// servers examines the servers in a service's configuration.
func servers(ctx context.Context, h *home, from settings) (fs []finding) {
	cfg, err := from.load(h)
	if err != nil {
		return append(fs, finding{Check: "configuration", Detail: err.Error(), Remedy: "correct the named setting"})
	}
	if cfg.Store.Engine == "cassandra" {
		fs = append(fs, cassandra(ctx, *platform.SettingsOf[cassandrastore.Config](cfg.Store.Drivers)))
	}
	if cfg.Search.Engine == "opensearch" {
		f := finding{Check: "search engine", OK: true, Remedy: "see search.opensearch in docs/guides/configuration.md"}
		if f.Detail, err = opensearch.Describe(ctx, *platform.SettingsOf[opensearch.Config](cfg.Search.Drivers)); err != nil {
			f.OK, f.Detail = false, err.Error()
		}
		fs = append(fs, f)
	}
	return fs
}

func cassandra(ctx context.Context, cfg cassandrastore.Config) finding {
	f := finding{Check: "store", Remedy: "see docs/guides/cassandra.md"}
	cfg.Migrate = false // to look changes nothing
	s, err := cassandrastore.Open(ctx, cfg, cassandrastore.Deps{})
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	defer s.Close()
	if f.Detail, err = s.Describe(ctx); err != nil {
		f.Detail = err.Error()
	}
	f.OK = err == nil
	return f
}

func examine(ctx context.Context, h *home) []finding {
	fs := []finding{{Check: "machine", OK: runtime.GOOS == "linux" && runtime.GOARCH == "amd64", Detail: fmt.Sprintf("%s/%s, %d processors", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Remedy: "the packaged ONNX Runtime and sentence model are for linux/amd64"}}
	cache, err := model.OpenCache("")
	if err != nil {
		return append(fs, finding{Check: "model cache", Detail: err.Error()})
	}
	missing := []string{}
	for _, s := range fetch.List(cache) {
		if s.Group == model.Core && !s.Present && s.Tool == "" {
			missing = append(missing, s.ID)
		}
	}
	fs = append(fs, finding{Check: "model files", OK: len(missing) == 0, Detail: orElse(strings.Join(missing, ", "), "all in "+cache.Dir()), Remedy: "cinedex models fetch"})
	fs = append(fs, picturesFinding(cache))
	for _, tool := range []string{"ffmpeg", "ffprobe"} {
		path, err := cache.Tool(tool)
		f := finding{Check: tool, OK: err == nil, Detail: path, Remedy: "cinedex models fetch " + tool}
		if err != nil {
			f.Detail = err.Error()
		} else if out, err := exec.CommandContext(ctx, path, "-version").Output(); err != nil {
			f.OK, f.Detail = false, fmt.Sprintf("%s does not run: %v", path, err)
		} else {
			line, _, _ := strings.Cut(string(out), "\n")
			f.Detail = path + ": " + line
		}
		fs = append(fs, f)
	}
	fs = append(fs, disk(h.dir), writable(h.dir))
	fs = append(fs, lostEvents(h)...)
	e, err := h.endpoint()
	if err != nil {
		// Nothing runs: then the ports must be free.
		cfg := defaultUp(h.dir)
		return append(fs, port("search API", cfg.Address, "cinedex up --set address=127.0.0.1:PORT"),
			port("log", fmt.Sprintf("127.0.0.1:%d", cfg.Broker.Port), "cinedex up --set broker.port=PORT"))
	}
	if conn, err := net.DialTimeout("tcp", strings.TrimPrefix(strings.TrimPrefix(e.Server, "http://"), "https://"), 2*time.Second); err != nil {
		fs = append(fs, finding{Check: "search API", Detail: fmt.Sprintf("%s does not answer", e.Server), Remedy: "cinedex up"})
	} else {
		conn.Close()
		fs = append(fs, finding{Check: "search API", OK: true, Detail: e.Server + " answers"})
	}
	return fs
}

// picturesFinding says which models answer words with pictures on this machine, and how to get a better model.
func picturesFinding(cache model.Cache) finding {
	f := finding{Check: "words to pictures", OK: true, Remedy: "see docs/guides/models-and-media.md"}
	const packaged = "efficientnet-lite2@1"
	var better []string
	folders, err := cache.PictureFolders()
	for _, folder := range folders {
		m, wrong := clip.ReadFolder(folder)
		if wrong != nil {
			err = errors.Join(err, wrong)
			continue
		}
		better = append(better, m.Name)
	}
	for i, m := range clip.Published() {
		_, image := cache.Require(m.Image.File)
		_, text := cache.Require(m.Text.File)
		if image == nil && text == nil {
			better = append(better, model.Extras()[i])
		}
	}
	switch {
	case err != nil:
		f.OK, f.Detail = false, err.Error()
	case len(better) == 0:
		f.Detail = packaged + ", the model of the packages; CLIP is better and is fetched by: cinedex models fetch clip"
	default:
		f.Detail = fmt.Sprintf("%s here; films without their runs are answered by %s; enable with algorithms: [default, %s], and for films of before: cinedex replay --algorithm %s",
			strings.Join(better, ", "), packaged, better[0], better[0])
	}
	return f
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func disk(dir string) finding {
	at := dir
	for {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(at, &s); err != nil {
		return finding{Check: "disk", Detail: err.Error()}
	}
	free := s.Bavail * uint64(s.Bsize) >> 20
	return finding{Check: "disk", OK: free > 2048, Detail: fmt.Sprintf("%d MiB free at %s", free, dir), Remedy: "make room, or give another folder with --home"}
}

func writable(dir string) finding {
	f := finding{Check: "home folder", OK: true, Detail: dir, Remedy: "give a folder of yours with --home"}
	if err := os.MkdirAll(dir, 0o755); err == nil {
		t, err := os.CreateTemp(dir, ".doctor-*")
		if err == nil {
			t.Close()
			os.Remove(t.Name())
			return f
		}
		f.Detail = err.Error()
	} else {
		f.Detail = err.Error()
	}
	f.OK = false
	return f
}

func port(what, address, remedy string) finding {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return finding{Check: "port of the " + what, Detail: address + " is in use", Remedy: remedy}
	}
	l.Close()
	return finding{Check: "port of the " + what, OK: true, Detail: address + " is free"}
}
