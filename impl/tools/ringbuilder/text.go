package ringbuilder

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"apus/impl/ring"
	"apus/impl/swift"
)

// floatText is a float as Python prints it: 100 is "100.0".
func floatText(f float64) string {
	if f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsAny(s, ".N") {
		s += ".0"
	}
	return s
}

// quoted is a text as Python's repr shows it.
func quoted(s string) string {
	mark := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = `"`
	}
	body := strconv.Quote(s)
	body = strings.ReplaceAll(body[1:len(body)-1], `\"`, `"`)
	if mark == "'" {
		body = strings.ReplaceAll(body, "'", `\'`)
	}
	return mark + body + mark
}

// span is a number of seconds as Python's timedelta shows it.
func span(seconds int64) string {
	text := ""
	if days := seconds / 86400; days == 1 {
		text = "1 day, "
	} else if days > 1 {
		text = fmt.Sprintf("%d days, ", days)
	}
	s := seconds % 86400
	return text + fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// why is the message of an error without the name of the operation, which
// means nothing to an operator.
func why(err error) string {
	var e *swift.Error
	for errors.As(err, &e) && e.Err != nil {
		err = e.Err
	}
	return err.Error()
}

func bracketed(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

// deviceText is the long name of a device, in the grammar of search values.
func deviceText(d *ring.Device) string {
	return fmt.Sprintf(`d%dr%dz%d-%s:%dR%s:%d/%s_"%s"`, d.ID, d.Region, d.Zone, bracketed(d.IP), d.Port,
		bracketed(d.ReplicationIP), d.ReplicationPort, d.Device, d.Meta)
}

// parseInt and parseFloat fail with the words of Python's int and float.
func parseInt(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil {
		return 0, fmt.Errorf("invalid literal for int() with base 10: %s", quoted(s))
	}
	return n, nil
}

func parseFloat(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0, fmt.Errorf("could not convert string to float: %s", quoted(s))
	}
	return f, nil
}
