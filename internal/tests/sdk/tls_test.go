package sdk

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/pythontest"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

const tlsAlgorithm = `import cinedex


@cinedex.algorithm("said", "1", cues=True)
def said(run):
    """Every cue"""
    for cue in run.cues:
        yield cinedex.Annotation(cue.start, cue.end, label=cue.text)
`

// A worker on an address with certificates is served to a platform with the certificate of the right authority, and to no other platform.
func TestCertificates(t *testing.T) {
	p := pythontest.Find(t)
	dir := t.TempDir()
	ours, theirs := newAuthority(t, dir, "ours"), newAuthority(t, dir, "theirs")
	worker, platform, stranger := ours.issue(t, "worker"), ours.issue(t, "platform"), theirs.issue(t, "stranger")
	if err := os.WriteFile(filepath.Join(dir, "said.py"), []byte(tlsAlgorithm), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.Path, "-m", "cinedex", "serve", "said.py", "--address", "127.0.0.1:0",
		"--certificate", worker+".pem", "--key", worker+".key", "--clients", ours.file)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, p.Env(), os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an ended worker needs no signal
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ready {
		t.Fatalf("the worker says %q, %v", line, err)
	}
	if got := served(t, address, ours.file, platform); got != "said@1" {
		t.Errorf("the platform is served %q", got)
	}
	if got := served(t, address, ours.file, stranger); got != "" {
		t.Errorf("a stranger is served %q", got)
	}
}

// served returns the algorithms of a worker, once the worker has answered or refused.
func served(t *testing.T, address, authority, certificate string) (ids string) {
	t.Helper()
	cfg := remote.Default()
	cfg.Addresses = []string{address}
	cfg.TLS = tlsclient.Config{Enabled: true, CAFile: authority, CertFile: certificate + ".pem", KeyFile: certificate + ".key"}
	told := make(chan struct{}, 100)
	logs := slog.New(slog.NewTextHandler(notify{told}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	h, err := remote.New(cfg, remote.Deps{Log: logs, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	select {
	case <-told: // the worker has come, or is not used
	case <-time.After(time.Minute):
		t.Error("nothing is told of the worker")
	}
	for _, a := range h.Algorithms() {
		ids += a.Spec().GetName() + "@" + a.Spec().GetVersion()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return ids
}

// notify tells of each line of a log.
type notify struct{ told chan struct{} }

func (n notify) Write(b []byte) (int, error) {
	select {
	case n.told <- struct{}{}:
	default:
	}
	return len(b), nil
}

// An authority issues certificates for tests.
type authority struct {
	dir, file string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{dir: dir, file: filepath.Join(dir, name+"-ca.pem")}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes NAME.pem and NAME.key, and returns the path without ending.
func (a *authority) issue(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(a.dir, name)
	writePEM(t, at+".pem", "CERTIFICATE", der)
	writePEM(t, at+".key", "PRIVATE KEY", private)
	return at
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
