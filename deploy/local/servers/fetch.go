package servers

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

//go:embed kafka cassandra opensearch opensearch3
var files embed.FS

// A release is a server's jars, as named in the server's pom.
type release struct{ name, version string }

var (
	kafkaRelease      = release{"kafka", "4.2.0"}
	cassandraRelease  = release{"cassandra", "5.0.6"}
	openSearchRelease = release{"opensearch", "2.19.1"}
	releases          = []release{kafkaRelease, cassandraRelease, openSearchRelease}

	// openSearch3Release is the newest version whose k-NN plugin is on Maven Central. Only a start that names the version fetches the jars.
	openSearch3Release = release{"opensearch3", "3.5.0"}
	allReleases        = append(slices.Clone(releases), openSearch3Release)
)

const sumsFile = "SHA256SUMS"

func (r release) String() string { return r.name + " " + r.version }

func (r release) file(name string) []byte {
	b, err := files.ReadFile(path.Join(r.name, name))
	if err != nil {
		panic(err) // the poms are built in
	}
	return b
}

// cacheDir is where releases lie.
func cacheDir(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv("CINEDEX_CACHE")
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", errkind.New(errkind.Invalid, "finding the cache folder: %w; set CINEDEX_CACHE", err)
		}
		dir = filepath.Join(base, "cinedex")
	}
	return filepath.Abs(filepath.Join(dir, "servers"))
}

// Fetch gets the jars of all servers into the cache, where they are not there yet.
func Fetch(ctx context.Context, cache string, progress func(string)) error {
	for _, r := range releases {
		if _, err := r.fetch(ctx, cache, progress); err != nil {
			return err
		}
	}
	return nil
}

// fetch returns the folder of a release's jars. The jars in the folder were checked when fetch put the jars there.
func (r release) fetch(ctx context.Context, cache string, progress func(string)) (string, error) {
	cache, err := cacheDir(cache)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, r.name+"-"+r.version)
	if r.fetched(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	unlock, err := lock(ctx, filepath.Join(cache, r.name+".lock"))
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	defer unlock()
	if r.fetched(dir) {
		return dir, nil // by another process, meanwhile
	}
	tmp, err := os.MkdirTemp(cache, "fetching-")
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	defer os.RemoveAll(tmp)
	if err := r.download(ctx, tmp, progress); err != nil {
		return "", err
	}
	if err := check(tmp, r.file(sumsFile)); err != nil {
		return "", fmt.Errorf("checking %s, as fetched from Maven Central: %w", r, err)
	}
	if err := unpackPlugins(tmp); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", r, err)
	}
	if err := os.WriteFile(filepath.Join(tmp, sumsFile), r.file(sumsFile), 0o644); err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		return "", fmt.Errorf("fetching %s: %w", r, err)
	}
	return dir, os.Chmod(dir, 0o755)
}

// fetched reports whether the jars in the folder match this program's sums.
func (r release) fetched(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, sumsFile))
	return err == nil && bytes.Equal(b, r.file(sumsFile))
}

// lock keeps other processes from fetching the same.
func lock(ctx context.Context, file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, f.Close())
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}

// download has Maven put the jars of the pom into dir/lib.
func (r release) download(ctx context.Context, dir string, progress func(string)) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errkind.New(errkind.NotFound, "fetching %s needs Maven, and there is none: install Maven (Debian: apt-get install maven; macOS: brew install maven)", r)
	}
	pom := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(pom, r.file("pom.xml"), 0o644); err != nil {
		return fmt.Errorf("fetching %s: %w", r, err)
	}
	total := bytes.Count(r.file(sumsFile), []byte("\n"))
	progress(fmt.Sprintf("fetching %s from Maven Central: %d files", r, total))
	// -C: a file whose checksum differs from the repository's own fails.
	cmd := exec.CommandContext(ctx, mvn, "-B", "-C", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(dir, "lib"))
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("fetching %s: %w", r, err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("fetching %s: %w", r, err)
	}
	var said []string
	told, copied := time.Now(), 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		if strings.Contains(line, "ERROR") {
			said = append(said, line)
		}
		if strings.Contains(line, "Downloaded from") && (strings.Contains(line, ".jar") || strings.Contains(line, ".zip")) {
			copied++
		}
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			progress(fmt.Sprintf("fetching %s: %d files", r, copied))
		}
	}
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(said) > 6 {
			said = said[:6]
		}
		return errkind.New(errkind.Unavailable, "fetching %s from Maven Central: %w\n  %s", r, err, strings.Join(said, "\n  "))
	}
	return os.Remove(pom)
}

// sums reads lines of sha256sum.
func sums(b []byte) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			m[name] = sum
		}
	}
	return m
}

// check compares all files of dir/lib with the expected sums.
func check(dir string, want []byte) error {
	is, err := hashed(filepath.Join(dir, "lib"))
	if err != nil {
		return err
	}
	must := sums(want)
	for _, name := range slices.Sorted(maps.Keys(must)) {
		switch is[name] {
		case must[name]:
		case "":
			return errkind.New(errkind.Internal, "%s is missing", name)
		default:
			return errkind.New(errkind.Internal, "%s has the SHA-256 %s, and should have %s", name, is[name], must[name])
		}
	}
	for name := range is {
		if must[name] == "" {
			return errkind.New(errkind.Internal, "%s is not in %s", name, sumsFile)
		}
	}
	return nil
}

func hashed(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	is := make(map[string]string)
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		_ = f.Close()
		if err != nil {
			return nil, err
		}
		is[e.Name()] = hex.EncodeToString(h.Sum(nil))
	}
	return is, nil
}

// unpackPlugins takes the jars out of the plugins' archives. slf4j comes with the servers.
func unpackPlugins(dir string) error {
	archives, err := filepath.Glob(filepath.Join(dir, "lib", "*.zip"))
	if err != nil {
		return err
	}
	for _, a := range archives {
		if err := unpack(a, filepath.Join(dir, "plugins")); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(a), err)
		}
		if err := os.Remove(a); err != nil {
			return err
		}
	}
	return nil
}

func unpack(archive, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range z.File {
		name := path.Base(f.Name)
		if !strings.HasSuffix(name, ".jar") || strings.HasPrefix(name, "slf4j-api-") {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Renew fetches the jars of the poms below dir, and writes down the sums of the fetched jars.
func Renew(ctx context.Context, dir string, progress func(string)) error {
	for _, r := range allReleases {
		tmp, err := os.MkdirTemp("", "cinedex-servers-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		if err := r.download(ctx, tmp, progress); err != nil {
			return err
		}
		is, err := hashed(filepath.Join(tmp, "lib"))
		if err != nil {
			return err
		}
		var b strings.Builder
		for _, name := range slices.Sorted(maps.Keys(is)) {
			fmt.Fprintf(&b, "%s  %s\n", is[name], name)
		}
		if err := os.WriteFile(filepath.Join(dir, r.name, sumsFile), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
