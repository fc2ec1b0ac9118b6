package daemon

import (
	"strings"
	"testing"

	"apus/impl/config"
)

func TestMandatoryFilters(t *testing.T) {
	for name, tc := range map[string]struct{ have, want string }{
		"none":       {"", "catch_errors gatekeeper listing_formats copy dlo versioned_writes"},
		"all":        {"catch_errors gatekeeper listing_formats copy dlo versioned_writes", "catch_errors gatekeeper listing_formats copy dlo versioned_writes"},
		"own order":  {"versioned_writes dlo copy listing_formats gatekeeper catch_errors", "versioned_writes dlo copy listing_formats gatekeeper catch_errors"},
		"auth":       {"healthcheck memcache tempauth", "catch_errors gatekeeper healthcheck memcache listing_formats tempauth copy dlo versioned_writes"},
		"two logs":   {"catch_errors proxy_logging memcache tempauth slo proxy_logging", "catch_errors gatekeeper proxy_logging memcache listing_formats tempauth copy dlo slo versioned_writes proxy_logging"},
		"static web": {"catch_errors gatekeeper tempauth staticweb slo", "catch_errors gatekeeper listing_formats tempauth staticweb copy dlo slo versioned_writes"},
	} {
		t.Run(name, func(t *testing.T) {
			var filters []config.Part
			for _, use := range strings.Fields(tc.have) {
				filters = append(filters, config.Part{Name: use, Use: use})
			}
			var got []string
			for _, f := range complete(filters, nil) {
				got = append(got, f.Use)
			}
			if text := strings.Join(got, " "); text != tc.want {
				t.Errorf("%q becomes %q, want %q", tc.have, text, tc.want)
			}
		})
	}
}
