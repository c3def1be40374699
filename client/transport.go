package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"recsys/client/internal/rest"
)

// transport is a connection to a server by either protocol.
type transport interface {
	grpc.ClientConnInterface
	GetState() connectivity.State
	Connect()
	Close() error
}

// scheme is how a target's servers are spoken to.
type scheme string

const (
	schemeGRPC  scheme = ""
	schemeHTTP  scheme = "http://"
	schemeHTTPS scheme = "https://"
)

// parsed is what a target says.
type parsed struct {
	scheme    scheme
	list      []string                                // addresses
	find      func(context.Context) ([]string, error) // or how to find them
	authority string                                  // by which TLS knows them
}

// parse reads a target.
func parse(target string) (parsed, error) {
	var p parsed
	for _, s := range []scheme{schemeHTTP, schemeHTTPS} {
		if strings.HasPrefix(target, string(s)) {
			p.scheme = s
		}
	}
	target = strings.TrimPrefix(target, string(p.scheme))
	if name, ok := strings.CutPrefix(target, "dns:///"); ok {
		host, port, err := net.SplitHostPort(name)
		if err != nil {
			return p, fmt.Errorf("target %q: %w: give dns:///NAME:PORT", target, err)
		}
		p.find, p.authority = lookup(host, port), name
		return p, nil
	}
	for address := range strings.SplitSeq(target, ",") {
		address = strings.TrimSpace(address)
		if p.scheme != schemeGRPC {
			address = strings.TrimPrefix(address, string(p.scheme))
			if strings.Contains(address, "://") {
				return p, fmt.Errorf("target %q mixes schemes: give all servers the same", target)
			}
		}
		if address == "" {
			return p, fmt.Errorf("target %q has an empty address: give HOST:PORT, such as localhost:8001", target)
		}
		if slices.Contains(p.list, address) {
			return p, fmt.Errorf("target %q has address %s twice: use WithConnections for more connections", target, address)
		}
		p.list = append(p.list, address)
	}
	return p, nil
}

// connect makes the connections to a server.
func (c *core) connect(address string) ([]transport, error) {
	if c.target.scheme != schemeGRPC {
		return []transport{rest.New(c.rest(address))}, nil // which has as many as there are calls
	}
	target := address
	if !strings.Contains(address, "://") && !strings.HasPrefix(address, "unix:") {
		target = "passthrough:///" + address // the dialer looks names up
	}
	made := make([]transport, 0, c.connections)
	for range c.connections {
		cc, err := grpc.NewClient(target, c.options...)
		if err != nil {
			return made, fmt.Errorf("connect to %s: %w", address, err)
		}
		made = append(made, cc)
	}
	return made, nil
}

// rest returns the settings of an HTTP connection.
func (c *core) rest(address string) rest.Settings {
	s := rest.Settings{Address: address, Host: c.target.authority, Dial: c.dialer, MaxMessage: c.maxMessage, Encoding: c.encoding}
	if s.Dial == nil {
		s.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	if c.target.scheme == schemeHTTPS {
		s.TLS = func() (*tls.Config, error) {
			switch {
			case c.files != nil:
				return c.files.load()
			case c.tls != nil:
				return c.tls, nil
			}
			return &tls.Config{MinVersion: tls.VersionTLS12}, nil
		}
	}
	return s
}
