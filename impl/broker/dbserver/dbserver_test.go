package dbserver

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/config"
	"apus/impl/host"
	"apus/impl/web"
)

func TestFormat(t *testing.T) {
	cases := []struct {
		query, accept string
		want          string // status if it is not a type
		status        int
	}{
		{"", "", "text/plain", 0},
		{"format=json", "text/plain", "application/json", 0},
		{"format=XML", "", "application/xml", 0},
		{"format=odd", "application/json", "text/plain", 0},
		{"format=%ff", "", "", 400},
		{"", "application/json", "application/json", 0},
		{"", "*/*", "text/plain", 0},
		{"", "application/*", "application/json", 0},
		{"", "text/*;q=0.5, application/xml;q=0.9", "application/xml", 0},
		{"", "*/*, text/xml", "text/xml", 0},
		{"", "text/xml;q=0.1,*/*;q=0.2", "text/plain", 0},
		{"", `text/xml; level="1"`, "text/xml", 0},
		{"", `text/xml; level="1\"2"`, "text/xml", 0},
		{"", `text/xml; level="1"2"`, "", 400},
		{"", `text/xml; level="1=2"`, "", 400},
		{"", `text/xml; level="1\"`, "", 400},
		{"", "image/png", "", 406},
		{"", "text", "", 400},
		{"", "text/plain;q=1;q=2", "", 400},
		{"", "text/plain;q=much", "", 400},
		{"", "text/plain,", "", 400},
	}
	for _, c := range cases {
		t.Run(c.query+" "+c.accept, func(t *testing.T) {
			req := web.NewRequest("GET", "/")
			req.RawQuery = c.query
			req.Header.Set("Accept", c.accept)
			got, fault := Format(req)
			if c.status != 0 {
				require.NotNil(t, fault)
				require.Equal(t, c.status, fault.Status)
				return
			}
			require.Nil(t, fault)
			require.Equal(t, c.want, got)
		})
	}
}

func TestSplit(t *testing.T) {
	cases := []struct {
		path        string
		least, most int
		want        Target
		bad         bool
	}{
		{"/d/0/a", 3, 4, Target{"d", "0", "a", "", ""}, false},
		{"/d/0/a/", 3, 4, Target{"d", "0", "a", "", ""}, false},
		{"/d/0/a/c", 3, 4, Target{"d", "0", "a", "c", ""}, false},
		{"/d/0/a/c/", 3, 4, Target{"d", "0", "a", "c", ""}, false},
		{"/d/0/a/c", 4, 5, Target{"d", "0", "a", "c", ""}, false},
		{"/d/0/a/c/", 4, 5, Target{"d", "0", "a", "c", ""}, false},
		{"/d/0/a/c/o/p//", 4, 5, Target{"d", "0", "a", "c", "o/p//"}, false},
		{"/d/0/a/c//", 4, 5, Target{"d", "0", "a", "c", "/"}, false},
		{"/d/0/a/\x00c/\x00o", 4, 5, Target{"d", "0", "a", "\x00c", "\x00o"}, false},
		{"/d/0/.a/c/\x00o", 4, 5, Target{"d", "0", ".a", "c", "\x00o"}, false},
		{"/d/0", 3, 4, Target{}, true},
		{"/d/0/a/c/o", 3, 4, Target{}, true},
		{"/d/0//c", 3, 4, Target{}, true},
		{"/d/0/a", 4, 5, Target{}, true},
		{"/d/../a", 3, 4, Target{}, true},
		{"/./0/a", 3, 4, Target{}, true},
		{"d/0/a", 3, 4, Target{}, true},
		{"/d/0/a/c\x00", 3, 4, Target{}, true},
		{"/d/0/a/\x00c/o", 4, 5, Target{}, true},
	}
	for _, c := range cases {
		t.Run(url.PathEscape(c.path), func(t *testing.T) {
			got, fault := Split(web.NewRequest("GET", c.path), c.least, c.most)
			if c.bad {
				require.NotNil(t, fault)
				require.Equal(t, 400, fault.Status)
				return
			}
			require.Nil(t, fault)
			require.Equal(t, c.want, got)
		})
	}
}

func TestTitled(t *testing.T) {
	for in, want := range map[string]string{
		"x-container-meta-foo": "X-Container-Meta-Foo", "X-Account-Meta-A1b": "X-Account-Meta-A1B", "x-META-foo.bar": "X-Meta-Foo.Bar",
	} {
		require.Equal(t, want, titled(in))
	}
}

func TestReserve(t *testing.T) {
	st := host.StatFS{Total: 1000, Avail: 20}
	for text, met := range map[string]bool{"": true, "1%": true, "2%": true, "2.5 %": false, "20": true, "21": false, "0": true} {
		conf, err := config.Parse("[x]\n", "x.conf")
		if text != "" {
			conf, err = config.Parse("[x]\nfallocate_reserve = "+text+"\n", "x.conf")
		}
		require.NoError(t, err)
		require.Equal(t, met, readReserve(conf.Section("x")).met(st), text)
		require.NoError(t, conf.Err())
	}
	conf, err := config.Parse("[x]\nfallocate_reserve = much\n", "x.conf")
	require.NoError(t, err)
	readReserve(conf.Section("x"))
	require.Error(t, conf.Err())
}

// The bytes are those that swift.common.middleware.listing_formats of 2.30.1
// makes of the same records.
func TestXMLAsUpstream(t *testing.T) {
	const name = "a\"<&>'\n\t\ré"
	one := int64(1)
	build := func(whole, kind string, entries ...[]Field) string {
		l := NewListing("application/xml", whole, name, kind)
		for _, e := range entries {
			l.Subdir([]byte(name))
			l.Entry([]byte(name), e)
		}
		return string(read(t, l))
	}
	const (
		head      = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		attribute = "a&quot;&lt;&amp;&gt;'&#10;&#09;&#13;é"
		text      = "a\"&lt;&amp;&gt;'\n\t\ré"
	)
	require.Equal(t, head+`<container name="`+attribute+`" />`, build("container", "object"))
	require.Equal(t, head+`<container name="`+attribute+`"><subdir name="`+attribute+`"><name>`+text+`</name></subdir>`+
		`<object><name>`+text+`</name><hash /><bytes>1</bytes></object></container>`,
		build("container", "object", []Field{{Name: "name", Text: []byte(name)}, {Name: "hash"}, {Name: "bytes", Number: &one}}))
	require.Equal(t, head+`<account name="`+attribute+"\">\n</account>", build("account", "container"))
	require.Equal(t, head+`<account name="`+attribute+"\">\n<subdir name=\""+attribute+"\" />\n<container><name>"+text+"</name><count>1</count></container>\n</account>",
		build("account", "container", []Field{{Name: "name", Text: []byte(name)}, {Name: "count", Number: &one}}))
}
