package crossdomain_test

import (
	"testing"

	"apus/impl/middleware/crossdomain"
	"apus/impl/web/webtest"
)

func TestDocument(t *testing.T) {
	webtest.TrackBodies(t)
	for options, policy := range map[string]string{
		"":                                       `<allow-access-from domain="*" secure="false" />`,
		"cross_domain_policy = <a />\n  <b />\n": "<a />\n<b />",
	} {
		f, env := webtest.Filter(t, crossdomain.New, nil, options, nil)
		got := webtest.Do(f(webtest.NewNext()), webtest.Request("GET", "/crossdomain.xml"))
		want := "<?xml version=\"1.0\"?>\n<!DOCTYPE cross-domain-policy SYSTEM " +
			"\"http://www.adobe.com/xml/dtds/cross-domain-policy.dtd\" >\n<cross-domain-policy>\n" + policy + "\n</cross-domain-policy>"
		if got.Status != 200 || got.Body != want || got.Header.Get("Content-Type") != "application/xml" {
			t.Errorf("%d %v\n%s", got.Status, got.Header, got.Body)
		}
		if _, ok := env.Info.Public()["crossdomain"]; !ok {
			t.Error("not in /info")
		}
	}
}

func TestOthersGoOn(t *testing.T) {
	webtest.TrackBodies(t)
	f, _ := webtest.Filter(t, crossdomain.New, nil, "", nil)
	for _, line := range [][2]string{{"HEAD", "/crossdomain.xml"}, {"PUT", "/crossdomain.xml"}, {"GET", "/crossdomain.xml/"}, {"GET", "/v1/a"}} {
		if got := webtest.Do(f(webtest.NewNext(webtest.Answer(299, ""))), webtest.Request(line[0], line[1])); got.Status != 299 {
			t.Errorf("%v: %d", line, got.Status)
		}
	}
}
