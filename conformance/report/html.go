package report

import (
	"html/template"
	"io"
	"sort"
	"time"

	"apus/conformance/api"
)

// page is what the HTML report shows.
type page struct {
	Endpoint string
	Counts
	Total    int
	Took     time.Duration // of all cases together, were they run one by one
	Features []feature
}

type feature struct {
	Name string
	Counts
	Results []api.Result
}

// HTML writes one page that needs nothing else: a table of features, and under
// each its cases with what was expected and what came instead. Features with
// failures stand open.
func HTML(w io.Writer, endpoint string, results []api.Result) error {
	p := page{Endpoint: endpoint, Counts: Count(results), Total: len(results)}
	by := map[string][]api.Result{}
	for _, r := range results {
		p.Took += r.Took
		by[r.Case.Feature] = append(by[r.Case.Feature], r)
	}
	p.Took = p.Took.Round(time.Millisecond)
	for name, rs := range by {
		p.Features = append(p.Features, feature{name, Count(rs), rs})
	}
	sort.Slice(p.Features, func(i, j int) bool { return p.Features[i].Name < p.Features[j].Name })
	t, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

const pageTemplate = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Conformance of {{.Endpoint}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; background: #fff; }
h1 { font-size: 1.4em; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .2em .7em; border-bottom: 1px solid #ddd; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; padding: .4em 0; font-weight: 600; }
summary span { font-weight: 400; margin-left: 1em; }
pre { white-space: pre-wrap; background: #f6f6f6; padding: .6em; margin: .3em 0; font-size: 13px; }
.passed { color: #17652b; } .failed { color: #b3171b; } .skipped { color: #7a5b00; }
code { font-size: 13px; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #191919; } td, th { border-color: #383838; } pre { background: #252525; }
  .passed { color: #6fcf87; } .failed { color: #ff8a80; } .skipped { color: #e0c060; }
}
</style>
</head>
<body>
<h1>Conformance of {{.Endpoint}}</h1>
<p>{{.Total}} cases of {{len .Features}} features:
<span class="passed">{{.Passed}} passed</span>, <span class="failed">{{.Failed}} failed</span>,
<span class="skipped">{{.Skipped}} skipped</span>. Their times add up to {{.Took}}.</p>
{{range .Features}}
<details{{if .Failed}} open{{end}}>
<summary>{{.Name}}<span class="passed">{{.Passed}} passed</span>{{if .Failed}}<span class="failed">{{.Failed}} failed</span>{{end}}{{if .Skipped}}<span class="skipped">{{.Skipped}} skipped</span>{{end}}</summary>
<table>
<tr><th>case</th><th>verb</th><th>resource</th><th>expectation</th><th>verdict</th><th>ms</th></tr>
{{range .Results}}<tr id="{{.ID}}"><td><code>{{.ID}}</code></td><td>{{.Case.Verb}}</td><td>{{.Case.Resource}}</td>
<td>{{.Case.Want}}{{if .Message}}<pre>{{.Message}}</pre>{{end}}</td><td class="{{.Verdict}}">{{.Verdict}}</td><td class="n">{{.Took.Milliseconds}}</td></tr>
{{end}}</table>
</details>
{{end}}
</body>
</html>
`
