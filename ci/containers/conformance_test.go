package containers

import (
	"context"
	"strings"
	"testing"
	"time"

	"apus/conformance/api"
	"apus/conformance/report"
	"apus/conformance/target"
	"apus/impl/tools/layout"
)

// conformanceLimit bounds all cases together.
const conformanceLimit = 5 * time.Minute

// testConformance judges the containers by every case.
func testConformance(t *testing.T, d *deployment) {
	ctx, cancel := context.WithTimeout(t.Context(), conformanceLimit)
	defer cancel()
	to := &target.Target{
		AuthURL: "http://" + d.addr + "/auth/v1.0", Client: target.NewClient(), Dial: target.Dial, StorageDomain: layout.StorageDomain,
		Owner:    target.User{Name: "test:tester", Key: "testing"},
		Stranger: target.User{Name: "test2:tester2", Key: "testing2"},
		Guest:    target.User{Name: "test:tester3", Key: "testing3"},
		Admin:    target.User{Name: "admin:admin", Key: "admin"},
	}
	results, err := api.Run(ctx, to, api.Options{Jobs: 8})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.Table(&table, results); err != nil {
		t.Fatal(err)
	}
	t.Log(table.String())
	if report.Count(results).Failed > 0 {
		t.Error("the containers do not conform")
	}
}
