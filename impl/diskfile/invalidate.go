package diskfile

import (
	"path"
	"strconv"

	"apus/impl/policy"
)

// InvalidateSuffixes marks suffixes of a partition as changed, so that the
// next Hashes looks at them afresh. What is no suffix is skipped, and a
// partition that does not exist has nothing to mark.
func (d *Device) InvalidateSuffixes(p *policy.Policy, partition uint32, suffixes []string) error {
	part := path.Join(d.Path, p.DataDir(), strconv.FormatUint(uint64(partition), 10))
	for _, s := range suffixes {
		if !validSuffix(s) {
			continue
		}
		some := &Object{Dir: path.Join(part, s, "any"), dev: d} // that has the suffix
		if err := some.invalidate(); err != nil {
			return failed("diskfile.InvalidateSuffixes", part, err)
		}
	}
	return nil
}
