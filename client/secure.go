package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

// TLSFiles are PEM files, which are read again for each new connection, so that a renewed certificate needs no restart.
type TLSFiles struct {
	// CA holds the certificates by which servers are trusted; empty trusts the system's.
	CA string
	// Cert and Key are the client's own, for servers with --grpc-use-ssl-mutual; both or neither.
	Cert, Key string
}

// load makes TLS settings of what the files hold now.
func (f TLSFiles) load() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("TLS files: give Cert and Key, or neither")
	}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("TLS files: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("TLS files: %s holds no certificate in PEM", f.CA)
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("TLS files: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// reloading reads the files for each handshake.
type reloading struct {
	credentials.TransportCredentials // of no files: what does not depend on them
	files                            TLSFiles
}

func newReloading(f TLSFiles) reloading {
	return reloading{credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), f}
}

// ClientHandshake secures a new connection.
func (r reloading) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config, err := r.files.load()
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, conn)
}

// Clone copies the credentials.
func (r reloading) Clone() credentials.TransportCredentials {
	return reloading{r.TransportCredentials.Clone(), r.files}
}

// outgoing adds the headers of [WithHeaders].
func (c *core) outgoing(ctx context.Context) (context.Context, error) {
	if c.headers == nil {
		return ctx, nil
	}
	headers, err := c.headers(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: make headers: %w", ErrDenied, err)
	}
	pairs := make([]string, 0, 2*len(headers))
	for name, value := range headers {
		pairs = append(pairs, name, value)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...), nil
}
