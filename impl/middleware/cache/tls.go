package cache

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"

	"apus/impl/host"
)

// tlsConfig reads tls_enabled and, if it is on, the files: certificates that
// vouch for the servers (those of the system without tls_cafile), and our own
// certificate for servers that ask for one, with its key in the same file
// unless tls_keyfile names another. Nil: no TLS.
func tlsConfig(h *host.Host, o *layered) (*tls.Config, error) {
	enabled := o.pick("tls_enabled").Bool("tls_enabled", false)
	ca, cert, key := o.string("tls_cafile", ""), o.string("tls_certfile", ""), o.string("tls_keyfile", "")
	if !enabled {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Time: h.Clock.Now}
	if ca != "" {
		pem, err := readFile(h, ca)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_cafile %s holds no certificate", ca)
		}
	}
	if cert == "" {
		return cfg, nil
	}
	if key == "" {
		key = cert
	}
	certPEM, err := readFile(h, cert)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readFile(h, key)
	if err != nil {
		return nil, err
	}
	own, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("tls_certfile %s, tls_keyfile %s: %w", cert, key, err)
	}
	cfg.Certificates = []tls.Certificate{own}
	return cfg, nil
}

func readFile(h *host.Host, name string) ([]byte, error) {
	f, err := h.FS.OpenFile(name, host.ReadOnly, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}
