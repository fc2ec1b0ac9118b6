// Package engine runs simulations: one seed is one process with one synctest
// bubble in it, and everything that happens follows from the seed.
//
// A [Scenario] gets a [World] and returns a [Report]. [Work] runs one in a
// worker process, a [Farm] hands seeds to many of them, and [RunTest] runs one
// in an ordinary test.
//
// There are two engines. The exact one is a binary built with the changed Go
// runtime that sim/engine/overlay derives from the installed Go: every run of a
// seed then gives the identical sequence of events, whatever else the machine
// does. The best-effort one is any other binary, for instance `go test`: good
// for finding, but a seed may not give the same run twice. [Engine] tells which
// one this binary is.
//
// What the changed runtime does not decide is decided here: one processor, no
// garbage collection except at instants at which every goroutine of the bubble
// is blocked, randomness of package crypto from the seed, and named random
// streams, so that removing one fault leaves the draws of all others alone.
package engine
