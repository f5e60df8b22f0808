// Package pythontest finds Python with the packages of the SDK for tests. scripts/sdk-packages fetches the packages once into the cache.
package pythontest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
)

// A Python is an interpreter, and the places of the packages.
type Python struct {
	// Path is the interpreter.
	Path string
	// Wheels is the folder of the wheels, for `pip install` without a network.
	Wheels string
	// Library has the packages that the SDK stands on, and Source the SDK itself.
	Library, Source string
}

var fetch = sync.OnceValues(func() ([]byte, error) {
	return exec.Command(filepath.Join(root(), "scripts/sdk-packages")).CombinedOutput()
})

// root is the repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../..")
}

// Find returns Python. Where Python or a package cannot be had, Find skips the test, or fails the test under CINEDEX_REQUIRE_ALL=1.
func Find(t testing.TB) Python {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		lack(t, "python3: "+err.Error())
	}
	out, err := exec.CommandContext(t.Context(), path, "-c", `import sys; print("%d.%d" % sys.version_info[:2])`).Output()
	if err != nil {
		lack(t, "python3: "+err.Error())
	}
	cache := cacheDir(t)
	at := filepath.Join(cache, "python", "1-"+strings.TrimSpace(string(out)))
	need(t, at)
	return Python{Path: path, Wheels: filepath.Join(at, "wheels"), Library: filepath.Join(at, "lib"), Source: filepath.Join(root(), "sdk/python/src")}
}

// Modules returns the folder with the node_modules of the example in JavaScript, and the interpreter.
func Modules(t testing.TB) (node, modules string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		lack(t, "node: "+err.Error())
	}
	at := filepath.Join(cacheDir(t), "javascript", "1")
	need(t, at)
	return node, filepath.Join(at, "node_modules")
}

func cacheDir(t testing.TB) string {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		lack(t, err.Error())
	}
	return cache.Dir()
}

func need(t testing.TB, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		return
	}
	if told, err := fetch(); err != nil {
		lack(t, "the packages of the SDK: "+err.Error()+"\n"+string(told))
	}
	if _, err := os.Stat(dir); err != nil {
		lack(t, err.Error())
	}
}

func lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
		t.Fatal("lacks " + what)
	}
	t.Skip("lacks " + what)
}

// Env is the environment for a program of the SDK: the SDK of this source, and the packages of the cache.
func (p Python) Env(more ...string) []string {
	env := append(os.Environ(), "PYTHONPATH="+p.Source+string(os.PathListSeparator)+p.Library, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1")
	return append(env, more...)
}
