package config

import (
	"fmt"
	"strconv"
	"strings"

	"apus/impl/policy"
	"apus/impl/swift"
)

// Swift is swift.conf: what every node of a cluster must agree on.
type Swift struct {
	Hasher   swift.Hasher
	Policies *policy.Set
	Limits   swift.Limits
}

// ReadSwift interprets a parsed swift.conf.
func ReadSwift(f *File) (*Swift, error) {
	hash := f.Section("swift-hash")
	hasher, err := swift.NewHasher(hash.String("swift_hash_path_prefix", ""), hash.String("swift_hash_path_suffix", ""))
	if err != nil {
		return nil, err
	}
	policies, err := readPolicies(f)
	if err != nil {
		return nil, err
	}
	limits := readLimits(f.Section("swift-constraints"))
	if err := f.Err(); err != nil {
		return nil, err
	}
	return &Swift{Hasher: hasher, Policies: policies, Limits: limits}, nil
}

func readPolicies(f *File) (*policy.Set, error) {
	var list []policy.Policy
	for _, name := range f.Sections() {
		index, ok := strings.CutPrefix(name, "storage-policy:")
		if !ok {
			continue
		}
		s := f.Section(name)
		n, err := strconv.Atoi(strings.TrimSpace(index))
		if err != nil {
			return nil, swift.E("config.ReadSwift", f.Path, swift.Invalid,
				fmt.Errorf("section [%s]: %q is not a policy index", name, index))
		}
		list = append(list, policy.Policy{
			Index: n, Name: s.String("name", ""), Aliases: s.List("aliases"),
			Default: s.Bool("default", false), Deprecated: s.Bool("deprecated", false),
			Type: policy.Type(s.String("policy_type", string(policy.Replication))),
		})
	}
	if len(list) == 0 {
		return policy.Default(), nil
	}
	return policy.NewSet(list)
}

func readLimits(s *Section) swift.Limits {
	l := swift.DefaultLimits()
	const most = 1 << 40
	for key, p := range map[string]*int{
		"max_meta_name_length": &l.MaxMetaNameLength, "max_meta_value_length": &l.MaxMetaValueLength,
		"max_meta_count": &l.MaxMetaCount, "max_meta_overall_size": &l.MaxMetaOverallSize,
		"max_header_size": &l.MaxHeaderSize, "max_object_name_length": &l.MaxObjectNameLength,
		"container_listing_limit": &l.ContainerListingLimit, "account_listing_limit": &l.AccountListingLimit,
		"max_account_name_length": &l.MaxAccountNameLength, "max_container_name_length": &l.MaxContainerNameLength,
		"extra_header_count": &l.ExtraHeaderCount, "max_request_line": &l.MaxRequestLine,
	} {
		*p = int(s.Int(key, int64(*p), 0, most))
	}
	l.MaxFileSize = s.Int("max_file_size", l.MaxFileSize, 0, 1<<62)
	return l
}
