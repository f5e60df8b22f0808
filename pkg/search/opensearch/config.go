package opensearch

import (
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config holds the settings of an operator.
type Config struct {
	// URLs are the URLs of nodes of the cluster. A single answering node is enough.
	URLs []string `mapstructure:"urls"`
	// Username and Password are the basic credentials; empty if the cluster asks for none. Credentials are only sent over https.
	Username string `mapstructure:"username"`
	Password string `mapstructure:"password"`
	// CAFile is a PEM file of the authorities to trust for https. Empty means the authorities of the system.
	CAFile string `mapstructure:"ca_file"`
	// Prefix begins the name of every index and alias, so that installations can share a cluster.
	Prefix string `mapstructure:"prefix"`
	// Shards and Replicas are the numbers of a new index. Existing indices keep their numbers.
	Shards   int `mapstructure:"shards"`
	Replicas int `mapstructure:"replicas"`
	// Timeout bounds the wait for the answer to a request.
	Timeout time.Duration `mapstructure:"timeout"`
}

// Default is a cluster on this machine, without replicas.
func Default() Config {
	return Config{URLs: []string{"http://127.0.0.1:9200"}, Prefix: "cinedex", Shards: 1, Timeout: 30 * time.Second}
}

// Dots separate the parts of an index's name, so that no prefix begins another's names.
var prefixes = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Validate returns an error for the first unusable field.
func (c Config) Validate() error {
	if len(c.URLs) == 0 {
		return errkind.New(errkind.Invalid, "urls: name a node of the cluster, such as https://search.example.org:9200")
	}
	for _, u := range c.URLs {
		p, err := url.Parse(u)
		if err != nil || p.Scheme != "http" && p.Scheme != "https" || p.Host == "" {
			return errkind.New(errkind.Invalid, "urls: %q is no URL of a node, such as https://search.example.org:9200", u)
		}
		if p.User != nil {
			return errkind.New(errkind.Invalid, "urls: leave the credentials out of %s, and set username and password", p.Host)
		}
		if c.Username != "" && p.Scheme != "https" {
			return errkind.New(errkind.Invalid, "urls: %q would carry the password unencrypted: use https", u)
		}
		if c.CAFile != "" && p.Scheme != "https" {
			return errkind.New(errkind.Invalid, "ca_file: it is of no use to %q: use https", u)
		}
	}
	switch {
	case c.Username != "" && c.Password == "":
		return errkind.New(errkind.Invalid, "password: must be set where username is: the two go together")
	case c.Username == "" && c.Password != "":
		return errkind.New(errkind.Invalid, "username: must be set where password is: the two go together")
	case !prefixes.MatchString(c.Prefix):
		return errkind.New(errkind.Invalid, "prefix: %q is not of lower-case letters, digits, _ and -", c.Prefix)
	case c.Shards < 1 || c.Shards > 1024:
		return errkind.New(errkind.Invalid, "shards: %d is not within 1 and 1024", c.Shards)
	case c.Replicas < 0 || c.Replicas > 32:
		return errkind.New(errkind.Invalid, "replicas: %d is not within 0 and 32", c.Replicas)
	case c.Timeout < time.Second || c.Timeout > time.Hour:
		return errkind.New(errkind.Invalid, "timeout: %s is not from 1s to 1h", c.Timeout)
	}
	return nil
}

func (c Config) nodes() string { return strings.Join(c.URLs, ", ") }
