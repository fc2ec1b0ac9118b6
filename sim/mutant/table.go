package mutant

// Table lists the mutants.
func Table() []Mutant { return nil }
