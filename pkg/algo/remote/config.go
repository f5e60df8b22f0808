package remote

import (
	"net"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// Config is set by an operator.
type Config struct {
	// Folder holds the sockets of the workers on this machine. Every NAME.sock in the folder is a worker. Empty: no such workers.
	Folder string `mapstructure:"folder"`
	// Addresses are the workers on other machines, as host:port. Without TLS, only workers on this machine are asked.
	Addresses []string `mapstructure:"addresses"`
	// TLS encrypts the connections to Addresses, and shows the certificate of this process to the workers.
	TLS tlsclient.Config `mapstructure:"tls"`
	// Shared is the folder of the files through which frames and sound cross. Empty: /dev/shm, or else the folder for temporary files.
	Shared string `mapstructure:"shared"`
	// Silence is how long a worker may be silent during a run before the run has failed.
	Silence time.Duration `mapstructure:"silence"`
	// Stall is how long an algorithm may neither read, write nor make progress.
	Stall time.Duration `mapstructure:"stall"`
	// Deadline is how long a run may take.
	Deadline time.Duration `mapstructure:"deadline"`
}

// Default returns a configuration without workers.
func Default() Config {
	return Config{Silence: 30 * time.Second, Stall: 10 * time.Minute, Deadline: 24 * time.Hour}
}

const (
	maxAddresses = 256
	longest      = 30 * 24 * time.Hour
)

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	if len(c.Addresses) > maxAddresses {
		return errkind.New(errkind.Invalid, "addresses: %d are more than %d", len(c.Addresses), maxAddresses)
	}
	for _, a := range c.Addresses {
		host, port, err := net.SplitHostPort(a)
		if err != nil || host == "" || port == "" {
			return errkind.New(errkind.Invalid, "addresses: %.200q is not host:port", a)
		}
		if !c.TLS.Enabled && !thisMachine(host) {
			return errkind.New(errkind.Invalid, "addresses: %s is another machine, and frames of unreleased films would cross the network in the clear: set tls.enabled", a)
		}
	}
	for _, f := range []struct {
		key   string
		value time.Duration
		least time.Duration
	}{{"silence", c.Silence, time.Second}, {"stall", c.Stall, time.Second}, {"deadline", c.Deadline, time.Second}} {
		if f.value < f.least || f.value > longest {
			return errkind.New(errkind.Invalid, "%s: %s is not from %s to %s", f.key, f.value, f.least, longest)
		}
	}
	if err := c.TLS.Validate(); err != nil {
		return errkind.New(errkind.Invalid, "tls.%w", err)
	}
	return nil
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
