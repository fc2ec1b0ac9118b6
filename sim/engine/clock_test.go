package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"apus/impl/host"
	"apus/impl/host/hosttest"

	"github.com/stretchr/testify/require"
)

func TestClockContract(t *testing.T) {
	for name, set := range map[string]func(*Clock){
		"right":  func(*Clock) {},
		"behind": func(c *Clock) { c.Step(-time.Hour) },
		"fast":   func(c *Clock) { c.SetDrift(0.05) },
	} {
		t.Run(name, func(t *testing.T) {
			hosttest.ClockBubble(t, func(*testing.T) host.Clock {
				c := NewWorld(1).Clock(0)
				set(c)
				return c
			})
		})
	}
}

func TestClockErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWorld(1)
		c := w.Clock(3 * time.Second)
		require.Equal(t, Epoch.Add(3*time.Second), c.Now())
		c.SetDrift(0.01)
		time.Sleep(100 * time.Second)
		require.Equal(t, 4*time.Second, c.Error())
		c.Step(-10 * time.Second)
		require.Equal(t, -6*time.Second, c.Error())
		c.SetDrift(0)
		time.Sleep(time.Hour)
		require.Equal(t, -6*time.Second, c.Error())
		c.SetError(0)
		require.Equal(t, Epoch.Add(w.Elapsed()), c.Now())
	})
}
