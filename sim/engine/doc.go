// Package engine runs simulations: one seed, one process, one synctest bubble.
package engine
