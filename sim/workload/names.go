package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"apus/sim/model"
)

// weirdObjects are object names that have broken servers: what must be
// encoded, what looks encoded, what looks like a path, and what is long.
func weirdObjects() []model.Name {
	return []model.Name{
		"ünïcödé/straße", "日本語/オブジェクト", "duck-🦆", "e\u0301 is not \u00e9",
		"100%", "percent%41%2Fslash", "%2e%2e%2f", "%zz",
		"white space", " leading", "trailing ", "a  b", "plus+plus",
		"what?is=this&that", "hash#frag", "semi;colon,comma", "a=b", "at@colon:",
		"deep/er/and/deeper/still", "double//slash", "/leading", "trailing/", "//", "v1/AUTH_test/c/o",
		".", "..", "a/../b", "./a", ".hidden", "dots...",
		`back\slash`, `quote"quote'`, "<xml>&amp;</xml>", "tab\there", "new\nline", "del\x7f", "\u202eltr",
		model.Name(strings.Repeat("x", 1024)), model.Name(strings.Repeat("日", 341)),
		model.Name(strings.Repeat("d/", 400)), "None", "null", "0", "-",
	}
}

// archivable are those that leave room for what an archive adds to a name: its
// length, and a time.
func archivable() (out []model.Name) {
	const room = 32
	for _, n := range weirdObjects() {
		if len(n) <= 1024-room {
			out = append(out, n)
		}
	}
	return out
}

// weirdContainers are container names of the same sort; a slash cannot be
// part of one.
func weirdContainers() []model.Name {
	return []model.Name{
		"cöntainer", "容器", "c 100%", "c%2Fd", "c?d", "c#d", "c+d", "c&d=e", ".c", "...", "c;d,e",
		model.Name(strings.Repeat("y", 256)),
	}
}

// names draws n distinct names, a share of them weird.
func names(rng *rand.Rand, n int, weird float64, plain string, pool []model.Name) []model.Name {
	rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	out := make([]model.Name, n)
	for i := range out {
		if rng.Float64() < weird && len(pool) > 0 {
			out[i], pool = pool[0], pool[1:]
		} else {
			out[i] = model.Name(fmt.Sprintf("%s%d", plain, i))
		}
	}
	return out
}
