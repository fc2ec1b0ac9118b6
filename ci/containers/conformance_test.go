package containers

import (
	"context"
	"strings"
	"testing"
	"time"

	"apus/conformance/api"
	"apus/conformance/report"
	"apus/conformance/target"
)

// conformanceLimit bounds all cases together.
const conformanceLimit = 5 * time.Minute

// testConformance judges the containers by every case.
func testConformance(t *testing.T, d *deployment) {
	ctx, cancel := context.WithTimeout(t.Context(), conformanceLimit)
	defer cancel()
	to := &target.Target{AuthURL: "http://" + d.addr + "/auth/v1.0", User: "test:tester", Key: "testing", Client: target.NewClient()}
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
