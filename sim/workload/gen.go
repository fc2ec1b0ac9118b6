package workload

import (
	"math/rand/v2"
	"time"

	"apus/sim/model"

	"pgregory.net/rapid"
)

// Gen draws small configurations for property tests; rapid shrinks them to
// few clients, steps, kinds and names.
func Gen() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		c := DefaultConfig()
		c.Clients = rapid.IntRange(1, 6).Draw(t, "clients")
		c.Steps = rapid.IntRange(1, 40).Draw(t, "steps")
		c.Think = time.Duration(rapid.Int64Range(0, 500).Draw(t, "think-ms")) * time.Millisecond
		c.Containers = rapid.IntRange(1, 3).Draw(t, "containers")
		c.Objects = rapid.IntRange(1, 6).Draw(t, "objects")
		c.Weird = share(t, "weird")
		c.MaxSize = rapid.Int64Range(1, 1<<20).Draw(t, "max-size")
		c.MaxParts = rapid.IntRange(1, 5).Draw(t, "max-parts")
		c.PartSize = rapid.Int64Range(1, 128<<10).Draw(t, "part-size")
		c.Newest, c.Ranges, c.Conditional = share(t, "newest"), share(t, "ranges"), share(t, "conditional")
		c.Chunked, c.BadEtag, c.Leave = share(t, "chunked"), share(t, "bad-etag"), share(t, "leave")
		mix := map[model.Kind]int{model.ObjectPut: 10}
		for _, k := range c.kinds() {
			if k != model.ObjectPut && rapid.Bool().Draw(t, string(k)) {
				mix[k] = c.Mix[k]
			}
		}
		c.Mix = mix
		return c
	})
}

func share(t *rapid.T, name string) float64 {
	return float64(rapid.IntRange(0, 10).Draw(t, name)) / 20
}

// GenScript draws scripts of configurations that Gen draws.
func GenScript() *rapid.Generator[*Script] {
	return rapid.Custom(func(t *rapid.T) *Script {
		cfg := Gen().Draw(t, "config")
		seed := rapid.Uint64Range(0, 1<<20).Draw(t, "seed")
		s, err := Draw(seed, rand.New(rand.NewPCG(seed, 0)), cfg)
		if err != nil {
			panic(err)
		}
		return s
	})
}
