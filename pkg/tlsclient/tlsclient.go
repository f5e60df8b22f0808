// Package tlsclient has the clients' settings for encrypted connections to servers. The clients of Kafka, Cassandra and
// OpenSearch use the settings. Load gives a crypto/tls configuration, or an error with the key of the wrong setting.
package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config says whether and how connections are encrypted.
type Config struct {
	Enabled bool `mapstructure:"enabled"`
	// CAFile holds the authorities to trust, PEM. Empty trusts the system's authorities.
	CAFile string `mapstructure:"ca_file"`
	// CertFile and KeyFile are this client's certificate, PEM, for servers with client certificates.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// ServerName is the required name in every server's certificate. Empty means the name of the host.
	ServerName string `mapstructure:"server_name"`
}

// Validate returns an error for the first field with an unusable value. Validate reads no files.
func (c Config) Validate() error {
	switch {
	case c.CertFile == "" && c.KeyFile != "":
		return errkind.New(errkind.Invalid, "cert_file: must be set where key_file is: cert_file and key_file go together")
	case c.CertFile != "" && c.KeyFile == "":
		return errkind.New(errkind.Invalid, "key_file: must be set where cert_file is: cert_file and key_file go together")
	}
	if !c.Enabled {
		for _, f := range []struct{ key, value string }{{"ca_file", c.CAFile}, {"cert_file", c.CertFile}, {"server_name", c.ServerName}} {
			if f.value != "" {
				return errkind.New(errkind.Invalid, "%s: is of no use without TLS: set enabled", f.key)
			}
		}
	}
	return nil
}

// Load reads the files. Load returns nil if TLS is not enabled. Errors begin with the key of the field.
func (c Config) Load() (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errkind.New(errkind.Invalid, "ca_file: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "cert_file and key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{cert}
	}
	return out, nil
}
