//go:build linux

package real

import "testing"

// Whatever the order of its ends, a descriptor is closed once, by the last who
// uses it.
func TestDescriptor(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps string // a acquire, r release, c close; in capitals where it is the last, x where it is refused
		want  string
	}{
		{"unused", "c", "C"},
		{"used before", "arc", "arC"},
		{"in use", "acr", "acR"},
		{"in use twice", "aacrr", "aacrR"},
		{"closed twice", "cc", "Cx"},
		{"closed twice while in use", "accr", "acxR"},
		{"used after close", "ca", "Cx"},
		{"used again while the last ends", "acar", "acxR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := descriptor{fd: 7}
			got := ""
			for _, step := range c.steps {
				last, ok := false, true
				switch step {
				case 'a':
					var fd int
					if fd, ok = d.acquire(); ok && fd != 7 {
						t.Errorf("descriptor %d, want 7", fd)
					}
				case 'r':
					last = d.release()
				case 'c':
					last, ok = d.close()
				}
				switch {
				case !ok:
					got += "x"
				case last:
					got += string(step - 'a' + 'A')
				default:
					got += string(step)
				}
			}
			if got != c.want {
				t.Errorf("%s: got %s, want %s", c.steps, got, c.want)
			}
		})
	}
}
