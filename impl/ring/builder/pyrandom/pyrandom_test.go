package pyrandom

import (
	"fmt"
	"testing"
)

// The numbers are what CPython 3.11 prints for
//
//	r = random.Random(seed)
//	[r.getrandbits(32) for _ in range(3)], r.randint(0, 65535), r.randint(0, 2**31)
//	l = list(range(10)); r.shuffle(l); l
//	[r.getrandbits(32) for _ in range(700)][-1]
func TestNumbersAreCPythons(t *testing.T) {
	for name, c := range map[string]struct {
		r    *Random
		want string
	}{
		"text":         {FromText("7"), "[3059896341 2419844592 3770596462] 16922 1280757954 [4 2 8 0 1 9 6 5 7 3] 3815244270"},
		"no text":      {FromText(""), "[4124137760 1951988028 2557274880] 27117 1666497616 [9 1 7 6 2 8 4 0 5 3] 1753793408"},
		"word":         {FromText("big"), "[3998588045 4066593488 2427891686] 14694 864223562 [4 8 5 2 1 7 3 6 0 9] 3647256319"},
		"ends in zero": {FromText("ü\x00"), "[412745479 3741624743 175355974] 47794 1729693018 [3 1 2 7 4 0 8 5 6 9] 500449436"},
		"0":            {FromNumber(0), "[3626764237 1654615998 3255389356] 55125 173879092 [1 0 9 5 6 2 3 7 8 4] 2255319042"},
		"1":            {FromNumber(1), "[577090037 2444712010 3639700191] 8271 1095513148 [2 4 0 9 6 5 3 8 7 1] 2308511911"},
		"41 bits":      {FromNumber(1<<40 + 5), "[2166296868 2220160828 1153647273] 3595 200118061 [0 3 7 4 6 5 8 9 1 2] 2070026695"},
		"54 bits":      {FromNumber(12345678901234567), "[416727885 2561263422 4242510269] 36122 1393529312 [0 8 7 4 6 2 5 1 9 3] 1738324598"},
	} {
		t.Run(name, func(t *testing.T) {
			first := []uint32{c.r.Uint32(), c.r.Uint32(), c.r.Uint32()}
			a, b := c.r.Between(65535), c.r.Between(1<<31)
			list := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
			c.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			var last uint32
			for range 700 {
				last = c.r.Uint32()
			}
			if got := fmt.Sprint(first, a, b, list, last); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A key that starts with zero bytes is a shorter number.
func TestLeadingZeroesOfAText(t *testing.T) {
	if r := FromText("\x00a"); r.Uint32() != 1457892442 {
		t.Error("another number than CPython's")
	}
}
