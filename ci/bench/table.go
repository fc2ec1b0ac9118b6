package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"apus/ci/bench/load"
)

func rows() []load.Row {
	var out []load.Row
	for _, size := range []int{4 << 10, 1 << 20} {
		for _, op := range []load.Operation{load.Put, load.Get} {
			for _, clients := range []int{1, 32} {
				out = append(out, load.Row{Op: op, Size: size, Clients: clients})
			}
		}
	}
	return out
}

func printTable(w io.Writer, rows []load.Row, o options) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "operation\tsize\tclients\trequests\tops/s\tMB/s\tp50 ms\tp99 ms\t")
	for _, r := range rows {
		m := r.Median()
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%.0f\t%.1f\t%.2f\t%.2f\t\n", r.Op, r.SizeName(), r.Clients, m.Ops,
			m.PerSec, m.PerSec*float64(r.Size)/1e6, milliseconds(m.P50), milliseconds(m.P99))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "medians of %d rounds of %v\n", o.rounds, o.length)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func printJSON(w io.Writer, rows []load.Row) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		m := r.Median()
		err := enc.Encode(map[string]any{
			"operation": r.Op, "size": r.Size, "clients": r.Clients, "requests": m.Ops, "rounds": len(r.Rounds),
			"ops_per_s": m.PerSec, "mb_per_s": m.PerSec * float64(r.Size) / 1e6, "p50_ms": milliseconds(m.P50), "p99_ms": milliseconds(m.P99),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
