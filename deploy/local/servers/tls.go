package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files of a Secure cluster: the authority's certificate, and the servers' key and certificate in a single file, as
// Java reads PEM.
const (
	caFile     = "ca.pem"
	serverFile = "server.pem"
)

// makeCertificates creates an authority and a single certificate for every loopback address of the nodes. The
// authority's key is thrown away.
func makeCertificates(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, serverFile)); !errors.Is(err, fs.ErrNotExist) {
		return err // there already
	}
	template := func(name string) *x509.Certificate {
		serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
		return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), BasicConstraintsValid: true}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := template("Cinedex local servers")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := template("localhost")
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	server.DNSNames = []string{"localhost"}
	for i := range byte(4) {
		server.IPAddresses = append(server.IPAddresses, net.IPv4(127, 0, 0, i+1))
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	if err := os.WriteFile(filepath.Join(dir, caFile), block("CERTIFICATE", caDER), 0o644); err != nil {
		return err
	}
	chain := append(block("PRIVATE KEY", keyDER), block("CERTIFICATE", serverDER)...)
	return os.WriteFile(filepath.Join(dir, serverFile), append(chain, block("CERTIFICATE", caDER)...), 0o600)
}
