// Package policy describes storage policies: which ring places an object and
// which directory of a device holds it ([storage-policy:N] of swift.conf).
package policy

import (
	"fmt"
	"sort"
	"strings"

	"apus/impl/swift"
)

// Type of a policy.
type Type string

// Types of policy.
const (
	Replication   Type = "replication"
	ErasureCoding Type = "erasure_coding"
)

// Policy is one storage policy. It is immutable once in a Set.
type Policy struct {
	Index      int
	Name       string
	Aliases    []string
	Default    bool
	Deprecated bool
	Type       Type
}

// DataDir is the directory of a device that holds the policy's objects.
func (p *Policy) DataDir() string { return withIndex("objects", p.Index) }

// AsyncDir holds container updates that could not be delivered.
func (p *Policy) AsyncDir() string { return withIndex("async_pending", p.Index) }

// TmpDir holds files being written.
func (p *Policy) TmpDir() string { return withIndex("tmp", p.Index) }

// RingName is the file name of the ring without ".ring.gz".
func (p *Policy) RingName() string { return withIndex("object", p.Index) }

func withIndex(base string, index int) string {
	if index == 0 {
		return base
	}
	return fmt.Sprintf("%s-%d", base, index)
}

// Set is the policies of a cluster. It is immutable.
type Set struct {
	byIndex map[int]*Policy
	byName  map[string]*Policy // upper case, names and aliases
	all     []*Policy          // by index
	def     *Policy
}

// Default is the Set of a swift.conf without policies: one replicated
// "Policy-0".
func Default() *Set {
	s, err := NewSet([]Policy{{Index: 0, Name: "Policy-0", Default: true}})
	if err != nil {
		panic(err)
	}
	return s
}

// NewSet checks the policies against each other. Policy 0 must exist; exactly
// one is the default, which is policy 0 if it is the only one; names and
// aliases are unique, whatever their case.
func NewSet(policies []Policy) (*Set, error) {
	const op = "policy.NewSet"
	s := &Set{byIndex: map[int]*Policy{}, byName: map[string]*Policy{}}
	for _, p := range policies {
		if p.Type == "" {
			p.Type = Replication
		}
		if err := s.add(&p); err != nil {
			return nil, swift.E(op, p.Name, swift.Invalid, err)
		}
	}
	sort.Slice(s.all, func(i, j int) bool { return s.all[i].Index < s.all[j].Index })
	if s.byIndex[0] == nil {
		return nil, swift.E(op, "", swift.Invalid, fmt.Errorf("no policy has index 0; one must, even if it is deprecated"))
	}
	if s.def == nil && len(s.all) == 1 {
		s.def = s.all[0]
	}
	if s.def == nil {
		return nil, swift.E(op, "", swift.Invalid, fmt.Errorf("no policy is the default; set default = yes for one"))
	}
	if s.def.Deprecated {
		return nil, swift.E(op, s.def.Name, swift.Invalid, fmt.Errorf("the default policy is deprecated"))
	}
	return s, nil
}

func (s *Set) add(p *Policy) error {
	if p.Index < 0 {
		return fmt.Errorf("index %d is negative", p.Index)
	}
	if s.byIndex[p.Index] != nil {
		return fmt.Errorf("index %d is taken by policy %q", p.Index, s.byIndex[p.Index].Name)
	}
	if p.Type != Replication && p.Type != ErasureCoding {
		return fmt.Errorf("policy_type %q is neither replication nor erasure_coding", p.Type)
	}
	for _, name := range append([]string{p.Name}, p.Aliases...) {
		key := strings.ToUpper(name)
		if name == "" || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return fmt.Errorf("name %q may hold letters, digits and dashes only", name)
		}
		if key == "POLICY-0" && p.Index != 0 {
			return fmt.Errorf("name %q is reserved for policy 0", name)
		}
		if other := s.byName[key]; other != nil {
			return fmt.Errorf("name %q is taken by policy %d", name, other.Index)
		}
		s.byName[key] = p
	}
	if p.Default {
		if s.def != nil {
			return fmt.Errorf("both this and %q are the default", s.def.Name)
		}
		s.def = p
	}
	s.byIndex[p.Index] = p
	s.all = append(s.all, p)
	return nil
}

// All lists the policies by index. Do not modify.
func (s *Set) All() []*Policy { return s.all }

// Default is the policy of containers that name none.
func (s *Set) Default() *Policy { return s.def }

// ByIndex is nil when there is no such policy.
func (s *Set) ByIndex(i int) *Policy { return s.byIndex[i] }

// ByName finds a policy by name or alias in any case; nil when there is none.
func (s *Set) ByName(name string) *Policy { return s.byName[strings.ToUpper(name)] }
