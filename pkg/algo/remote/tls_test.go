package remote_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign("ca", nil)
	return a
}

// file is the path of a file of the authority.
func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// sign writes name.pem and name.key, for 127.0.0.1. Without a signer the certificate is an authority's own.
func (a *authority) sign(name string, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent, signer := c, key
	if by == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return parsed, key
}

// A worker on another machine shows its certificate and asks for the platform's. Frames cross inside the messages. A platform without a certificate of the
// authority gets no answer.
func TestMutualTLS(t *testing.T) {
	a := newAuthority(t)
	a.sign("worker", a)
	a.sign("platform", a)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	cert, err := tls.LoadX509KeyPair(a.file("worker.pem"), a.file("worker.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: remotetest.Handler("good", "signs"), ReadHeaderTimeout: limit,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	to := func(certificate string) func(*remote.Config, *remote.Deps) {
		return func(c *remote.Config, _ *remote.Deps) {
			c.Addresses = []string{l.Addr().String()}
			c.TLS.Enabled, c.TLS.CAFile = true, a.file("ca.pem")
			if certificate != "" {
				c.TLS.CertFile, c.TLS.KeyFile = a.file(certificate+".pem"), a.file(certificate+".key")
			}
		}
	}
	stranger := host(t, "", to(""))
	out, err := run(t, served(t, host(t, "", to("platform")), "signs"), newFilm(t, 300))
	if err != nil || len(out.annotations) != 300 || out.annotations[200].GetLabel() != "bright" {
		t.Fatalf("over TLS: %v %v", out, err)
	}
	if got := stranger.Algorithms(); len(got) > 0 {
		t.Errorf("a platform without certificate is served %v", got)
	}
}
