// Command apus-sim runs simulations of whole clusters: many seeds, one seed
// again, the smallest fault plan that still breaks it, and a picture of it.
//
// The binary is its own worker: it starts itself once for each seed. Built with
// the overlay that its overlay command writes it is exact, a seed always gives
// the same run; built plainly it is best effort. Its reports say which.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newCommand(scenarios()).ExecuteContext(ctx)
	switch {
	case errors.Is(err, errFound):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "apus-sim:", err)
		os.Exit(2)
	}
}

// errFound says that something is wrong with a seed, and that it was printed.
var errFound = errors.New("violations were found")
