package memcache

// ringOrder is the last octet of the servers in order, computed by the rule of
// OpenStack Swift's memcached.py.
var ringOrder = map[string]string{
	"a":                     "321",
	"b":                     "321",
	"account/AUTH_test":     "132",
	"container/AUTH_test/c": "231",
	"AUTH_/token/AUTH_tk1":  "213",
	"x":                     "312",
}
