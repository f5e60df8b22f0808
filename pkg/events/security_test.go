package events

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// certificate makes a self-signed certificate for 127.0.0.1 and writes the certificate to a file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

// TLS and every mechanism of SASL carry publishing and groups. Without TLS and SASL, or with a wrong password, nothing
// passes.
func TestSecurity(t *testing.T) {
	cert, ca := certificate(t)
	for name, mechanism := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(name, func(t *testing.T) {
			k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, string(Annotations)), kfake.EnableSASL(), kfake.Superuser(mechanism, "user", "pass"),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			good := func(c *Config) {
				c.PublishTimeout = 2 * time.Second
				c.TLS = tlsclient.Config{Enabled: true, CAFile: ca}
				c.SASL = SASL{Mechanism: name, Username: "user", Password: "pass"}
			}
			c := newClient(t, k, good)
			if err := c.Publish(t.Context(), Annotations, annotated(0, 1)); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			n := 0
			if err := c.Subscribe(ctx, Subscription{Group: "group", Topics: []Topic{Annotations}}, func(_ context.Context, batch []Delivery) error {
				n += len(batch)
				stop()
				return nil
			}); err != nil || n != 1 {
				t.Errorf("handled %d, %v", n, err)
			}
			for what, change := range map[string]func(*Config){
				"no TLS":              func(c *Config) { c.TLS = tlsclient.Config{} },
				"unknown authority":   func(c *Config) { c.TLS.CAFile = "" },
				"another server name": func(c *Config) { c.TLS.ServerName = "elsewhere" },
				"no user":             func(c *Config) { c.SASL = SASL{} },
				"another password":    func(c *Config) { c.SASL.Password = "other" },
				"a mechanism not here": func(c *Config) {
					c.SASL.Mechanism = map[bool]string{true: "plain", false: "scram-sha-256"}[name != "plain"]
				},
			} {
				c := newClient(t, k, func(c *Config) { good(c); c.PublishTimeout = 300 * time.Millisecond; change(c) })
				err := c.Publish(t.Context(), Annotations, annotated(1, 1))
				if k := errkind.Of(err); err == nil || k != errkind.Denied && k != errkind.Unavailable {
					t.Errorf("%s: %v", what, err)
				} else {
					t.Logf("%s: %s: %v", what, k, err)
				}
			}
		})
	}
}
