package workload

import (
	"net/http"
	"testing"

	"apus/sim/model"
)

// A report names what failed and counts the rest.
func TestReport(t *testing.T) {
	names := []string{"/c/a", "/c/b"}
	for _, tt := range []struct {
		name, text string
		status     int // of the first name
		outcome    model.Outcome
		counted    bool
	}{
		{"all there", `{"Response Status": "200 OK", "Number Deleted": 2, "Number Not Found": 0, "Errors": []}`, http.StatusNoContent, model.OK, false},
		{"none there", `{"Response Status": "200 OK", "Number Deleted": 0, "Number Not Found": 2, "Errors": []}`, http.StatusNotFound, model.OK, false},
		{"one of them", `{"Response Status": "200 OK", "Number Deleted": 1, "Number Not Found": 1, "Errors": []}`, http.StatusNoContent, model.OK, true},
		{"failed", `{"Response Status": "400 Bad Request", "Number Deleted": 1, "Errors": [["/c/a", "503 Service Unavailable"]]}`, http.StatusServiceUnavailable, model.Unknown, false},
		{"refused", `{"Response Status": "400 Bad Request", "Response Body": "Invalid File Name", "Errors": []}`, http.StatusBadRequest, model.Failed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := readReport([]byte(tt.text), names)
			if r == nil {
				t.Fatal("no report")
			}
			o := &model.Op{Outcome: model.Unknown}
			r.judge(o, names[0])
			if o.Resp.Status != tt.status || o.Outcome != tt.outcome || o.Resp.Counted != tt.counted {
				t.Errorf("%+v", o)
			}
		})
	}
	for _, text := range []string{"", "{}", `{"Response Status": "502 Bad Gateway", "Errors": []}`} {
		if readReport([]byte(text), names) != nil {
			t.Errorf("%q is a report", text)
		}
	}
}
