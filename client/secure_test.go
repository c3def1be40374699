package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"

	"recsys/client"
	"recsys/client/tritontest"
)

// authority makes a certificate authority, a pair that it has signed for the fake server and any client, and writes the
// files.
func authority(t *testing.T, dir string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	caKey, leafKey := key(), key()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"tritontest"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &leafKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}
	write("ca.pem", "CERTIFICATE", caDER)
	write("cert.pem", "CERTIFICATE", leafDER)
	write("key.pem", "EC PRIVATE KEY", keyDER)
	pool := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}, pool
}

// TestTLSFiles has a server that wants a client's certificate, and renews all of them.
func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	files := client.TLSFiles{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	var mu sync.Mutex
	var pair tls.Certificate
	var pool *x509.CertPool
	renew := func() {
		mu.Lock()
		defer mu.Unlock()
		pair, pool = authority(t, dir)
	}
	renew()
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"h2"}}, nil
	}}
	server := tritontest.StartWith(t, []grpc.ServerOption{grpc.Creds(credentials.NewTLS(config))}, tritontest.Model{Name: "m"})
	c := server.Client(t, client.WithTLSFiles(files))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.WaitReady(ctx, "m"); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	renew()
	server.Restart()
	if err := c.WaitReady(ctx, "m"); err != nil {
		t.Errorf("after all certificates were renewed: %v", err)
	}
	anonymous := server.Client(t, client.WithTLSFiles(client.TLSFiles{CA: files.CA}), once())
	if err := infer(t, anonymous); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("without a certificate: got error %v, want one that is ErrUnavailable", err)
	}
}

func TestTLSFilesAreChecked(t *testing.T) {
	dir := t.TempDir()
	authority(t, dir)
	key := filepath.Join(dir, "key.pem")
	for want, opts := range map[string][]client.Option{
		"Cert and Key, or neither": {client.WithTLSFiles(client.TLSFiles{Key: key})},
		"holds no certificate":     {client.WithTLSFiles(client.TLSFiles{CA: key})},
		"no such file":             {client.WithTLSFiles(client.TLSFiles{CA: filepath.Join(dir, "none")})},
		"in certificate input":     {client.WithTLSFiles(client.TLSFiles{Cert: key, Key: key})},
		"TLS is given twice":       {client.WithTLSFiles(client.TLSFiles{}), client.WithTLS(&tls.Config{})},
	} {
		if _, err := client.New(t.Context(), "localhost:1", opts...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	type key struct{}
	var mu sync.Mutex
	var got []string
	note := func(ctx context.Context) {
		headers, _ := metadata.FromIncomingContext(ctx)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, headers.Get("authorization")...)
	}
	server := tritontest.StartWith(t, []grpc.ServerOption{
		grpc.UnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			note(ctx)
			return next(ctx, r)
		}),
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			note(s.Context())
			return next(srv, s)
		}),
	}, tritontest.Model{Name: "m", Stream: count(1, nil)})
	c := server.Client(t, client.WithHeaders(func(ctx context.Context) (map[string]string, error) {
		user, _ := ctx.Value(key{}).(string)
		if user == "" {
			return nil, errors.New("nobody is logged in")
		}
		return map[string]string{"authorization": "Bearer " + user}, nil
	}))
	ctx := context.WithValue(t.Context(), key{}, "ann")
	if _, err := c.ServerLive(ctx); err != nil {
		t.Error(err)
	}
	for _, err := range c.Stream(ctx, counting()) {
		if err != nil {
			t.Error(err)
		}
	}
	if len(got) != 2 || got[0] != "Bearer ann" || got[1] != "Bearer ann" {
		t.Errorf("got headers %q, want Ann's of two calls", got)
	}
	if _, err := c.ServerLive(t.Context()); !errors.Is(err, client.ErrDenied) {
		t.Errorf("without a token: got error %v, want one that is ErrDenied", err)
	}
}

// compression notes how requests are compressed.
type compression struct {
	mu  sync.Mutex
	got []string
}

func (c *compression) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c *compression) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (c *compression) HandleConn(context.Context, stats.ConnStats) {}

func (c *compression) HandleRPC(_ context.Context, s stats.RPCStats) {
	if header, ok := s.(*stats.InHeader); ok {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, header.Compression)
	}
}

func TestGzip(t *testing.T) {
	seen := &compression{}
	server := tritontest.StartWith(t, []grpc.ServerOption{grpc.StatsHandler(seen)}, tritontest.Model{Name: "m"})
	for _, opts := range [][]client.Option{nil, {client.WithGzip()}} {
		if err := infer(t, server.Client(t, opts...)); err != nil {
			t.Fatal(err)
		}
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.got) != 2 || seen.got[0] != "" || seen.got[1] != "gzip" {
		t.Errorf("got compressions %q, want none and gzip", seen.got)
	}
}
