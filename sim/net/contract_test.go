package simnet

import (
	"math/rand/v2"
	"testing"

	"apus/impl/host/hosttest"
)

func newNet(cfg Config) *Network { return New(rand.New(rand.NewPCG(1, 2)), cfg) }

func TestContract(t *testing.T) {
	hosttest.NetBubble(t, func(t *testing.T) hosttest.NetEnv {
		n := newNet(Config{})
		return hosttest.NetEnv{
			Server:    n.Process("server", "10.0.0.1"),
			Client:    n.Process("client", "10.0.0.2"),
			Listen:    "10.0.0.1:0",
			Blackhole: "10.0.0.99:80",
		}
	})
}

func TestContractWithinOneMachine(t *testing.T) {
	hosttest.NetBubble(t, func(t *testing.T) hosttest.NetEnv {
		p := newNet(Config{}).Process("both", "10.0.0.1")
		return hosttest.NetEnv{Server: p, Client: p, Listen: "127.0.0.1:0", Blackhole: "10.0.0.99:80"}
	})
}
