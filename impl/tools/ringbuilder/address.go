package ringbuilder

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// normalIP is the form in which addresses are stored and compared: lower case,
// IPv6 in its canonical form.
func normalIP(ip string) (string, error) {
	a, err := netip.ParseAddr(strings.ToLower(ip))
	if err != nil || a.Zone() != "" {
		return "", fmt.Errorf("Invalid ip %s", ip) //nolint:staticcheck // words that scripts know
	}
	return a.String(), nil
}

// normalAddress is normalIP for what may also be a host name. Brackets say
// that it is an IP address.
func normalAddress(address string) (string, error) {
	bare := strings.TrimRight(strings.TrimLeft(address, "["), "]")
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") {
		return normalIP(bare)
	}
	if ip, err := normalIP(bare); err == nil {
		return ip, nil
	}
	if name := strings.ToLower(bare); validHostname(name) {
		return name, nil
	}
	return "", fmt.Errorf("Invalid address %s", address) //nolint:staticcheck // words that scripts know
}

func validHostname(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	label := regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	for l := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if !label.MatchString(l) || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return true
}

func validDeviceName(name string) bool {
	return name != "" && !strings.HasPrefix(name, " ") && !strings.HasSuffix(name, " ")
}
