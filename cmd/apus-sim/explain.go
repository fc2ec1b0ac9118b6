package main

import (
	"bufio"
	"errors"
	"html/template"
	"os"
	"path/filepath"

	"apus/sim/engine"
	"apus/sim/scenario"
)

// maxEvents is how many events the plain page shows: the last ones.
const maxEvents = 5000

var plainPage = template.Must(template.New("page").Parse(`<!doctype html>
<meta charset="utf-8">
<title>seed {{.Result.Seed}}</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em; max-width: 80em }
pre { background: #f6f6f6; padding: 1em; overflow-x: auto }
.bad { color: #b00020 }
</style>
<h1>{{.Result.Scenario}}, seed {{.Result.Seed}}</h1>
<p>{{.Result.Engine}} engine{{with .Result.Report}}, {{.VirtualTime}} virtual time, {{.Requests}} requests,
{{.Events}} events, {{.Checks}} checks, trace hash <code>{{.TraceHash}}</code>{{end}}</p>
{{with .Result.Error}}<p class="bad">{{.}}</p>{{end}}
{{with .Result.Crash}}<h2 class="bad">{{.Kind}}: {{.Status}}</h2><pre>{{.Output}}</pre>{{end}}
{{with .Result.Report}}
{{range .Violations}}<h2 class="bad">{{.Check}}: {{.Message}}</h2><pre>{{.Detail}}</pre>{{else}}<p>No violation.</p>{{end}}
<h2>Faults that fired</h2><ul>{{range $kind, $n := .Faults}}<li>{{$kind}}: {{$n}}</li>{{end}}</ul>
<h2>Artifacts</h2><ul>{{range $name, $_ := .Artifacts}}<li><a href="{{$name}}">{{$name}}</a></li>{{end}}</ul>
{{end}}
<h2>The last events</h2>
<pre>{{range .Events}}{{.}}
{{end}}</pre>
`))

// drawings are the pictures of the run that the scenario itself has made.
func drawings(result *engine.Result) []string {
	var names []string
	if result.Report != nil {
		for _, name := range []string{scenario.TimelineArtifact, scenario.TraceArtifact} {
			if result.Report.Artifacts[name] != nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// plainName is the page about runs without drawings.
const plainName = "explain.html"

// keepPlain lists what is known of a run: for scenarios that draw nothing, and
// for runs that ended before they could.
func keepPlain(path string, result *engine.Result, dir string) error {
	events, err := lastLines(filepath.Join(dir, "events.log"), maxEvents)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = plainPage.Execute(file, map[string]any{"Result": result, "Events": events})
	return errors.Join(err, file.Close())
}

func lastLines(path string, n int) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if len(lines) > 2*n {
			lines = append(lines[:0], lines[len(lines)-n:]...)
		}
	}
	return lines[max(0, len(lines)-n):], scanner.Err()
}
