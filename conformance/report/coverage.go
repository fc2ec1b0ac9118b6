package report

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"

	"apus/conformance/api"
)

// resources are the columns of the coverage table.
var resources = [...]string{"endpoint", "account", "container", "object"}

// Coverage prints how many cases judge each feature, by resource and in all.
func Coverage(w io.Writer, cases []api.Case) error {
	type row [len(resources) + 1]int
	rows, total := map[string]*row{}, row{}
	for _, c := range cases {
		if rows[c.Feature] == nil {
			rows[c.Feature] = &row{}
		}
		for _, r := range []*row{rows[c.Feature], &total} {
			if i := slices.Index(resources[:], c.Resource); i >= 0 {
				r[i]++
			}
			r[len(resources)]++
		}
	}
	var features []string
	for f := range rows {
		features = append(features, f)
	}
	sort.Strings(features)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "feature\t%s\tcases\t\n", strings.Join(resources[:], "\t"))
	line := func(name string, r row) {
		fmt.Fprint(t, name)
		for _, n := range r {
			if n == 0 {
				fmt.Fprint(t, "\t-")
			} else {
				fmt.Fprintf(t, "\t%d", n)
			}
		}
		fmt.Fprintln(t, "\t")
	}
	for _, f := range features {
		line(f, *rows[f])
	}
	line(fmt.Sprintf("%d features", len(features)), total)
	return t.Flush()
}
