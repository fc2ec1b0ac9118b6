package ringbuilder

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"apus/impl/ring/builder"
	"apus/impl/tools"
)

func (s *session) rebalance() int {
	f := pflag.NewFlagSet("rebalance", pflag.ContinueOnError)
	force := f.BoolP("force", "f", false, "")
	seed := f.StringP("seed", "s", "", "")
	f.BoolP("debug", "d", false, "")
	f.String("format-version", "", "")
	if err := tools.ParseOptions(f, s.args); err != nil {
		return s.misused(err)
	}
	format, err := s.formatVersion(f)
	if err != nil {
		return s.misused(err)
	}
	if s.b.NextPartPower() != 0 {
		s.say("Partition power increase in progress.\nYou need to finish the increase first before rebalancing.")
		return exitError
	}
	if *seed == "" {
		*seed = f.Arg(0)
	}
	var chosen builder.Seed
	if *seed != "" {
		chosen = builder.SeedText(*seed)
	}
	result, code := s.reassign(chosen, *force)
	if code != exitOK {
		return code
	}
	status := s.verdict(result)
	if err := s.saveAll(format); err != nil {
		return s.broken(err)
	}
	return status
}

// reassign rebalances and decides whether the result is worth saving.
func (s *session) reassign(seed builder.Seed, force bool) (builder.Result, int) {
	changed, wait := s.b.DevsChanged(), s.b.MinPartSecondsLeft()
	before, err := s.b.Balance()
	if err != nil {
		return builder.Result{}, s.invalid(err)
	}
	dispersionBefore, known := s.b.Dispersion()
	result, err := s.b.Rebalance(seed)
	if err != nil {
		return result, s.invalid(err)
	}
	if result.Changed == 0 && !force && result.Removed == 0 {
		s.say("No partitions could be reassigned.")
		if wait > 0 {
			s.say("The time between rebalances must be at least min_part_hours: %d hours (%s remaining)",
				s.b.MinPartHours(), span(s.b.MinPartSecondsLeft()))
		} else {
			s.say("There is no need to do so at this time")
		}
		return result, exitWarning
	}
	dispersion, _ := s.b.Dispersion()
	improved := math.Abs(before-result.Balance) >= 1 || before == maxBalance && result.Balance == maxBalance ||
		!known || math.Abs(dispersionBefore-dispersion) >= 1
	if !force && !changed && !improved {
		s.say("Cowardly refusing to save rebalance as it did not change at least 1%%.")
		return result, exitWarning
	}
	if err := s.b.Validate(); err != nil {
		return result, s.invalid(err)
	}
	return result, exitOK
}

func (s *session) invalid(err error) int {
	s.say("%s\nAn error has occurred during ring validation. Common\ncauses of failure are rings that are empty or do not\nhave enough devices to accommodate the replica count.\nOriginal exception message:\n %s\n%s",
		line79, why(err), line79)
	return exitError
}

// verdict prints what was done, and warns of what is left to do.
func (s *session) verdict(r builder.Result) int {
	dispersion, _ := s.b.Dispersion()
	s.say("Reassigned %d (%.2f%%) partitions. Balance is now %.2f.  Dispersion is now %.2f",
		r.Changed, 100*float64(r.Changed)/float64(s.b.Partitions()), r.Balance, dispersion)
	switch {
	case dispersion > 0:
		s.say("%s\nNOTE: Dispersion of %.6f indicates some parts are not\n      optimally dispersed.\n\n      You may want to adjust some device weights, increase\n      the overload or review the dispersion report.\n%s",
			line79, dispersion, line79)
		return exitWarning
	case r.Balance > 5 && r.Balance/100 > s.b.Overload():
		s.say("%s\nNOTE: Balance of %.2f indicates you should push this \n      ring, wait at least %d hours, and rebalance/repush.\n%s",
			line79, r.Balance, s.b.MinPartHours(), line79)
		return exitWarning
	}
	return exitOK
}

// saveAll writes ring and builder, backups first.
func (s *session) saveAll(format int) error {
	r, err := s.b.Ring()
	if err != nil {
		return err
	}
	if err := r.SaveFormat(s.h.FS, s.backup(s.ringFile), format); err != nil {
		return err
	}
	if err := s.b.Save(s.h.FS, s.backup(s.builderFile)); err != nil {
		return err
	}
	if err := r.SaveFormat(s.h.FS, s.std.Abs(s.ringFile), format); err != nil {
		return err
	}
	return s.b.Save(s.h.FS, s.std.Abs(s.builderFile))
}

func (s *session) validate() int {
	if err := s.b.Validate(); err != nil {
		s.warn("%s", why(err))
		return exitError
	}
	return exitOK
}

func (s *session) dispersion() int {
	if s.b.Row(0) == nil {
		return s.notRebalanced()
	}
	f := pflag.NewFlagSet("dispersion", pflag.ContinueOnError)
	recalculate := f.Bool("recalculate", false, "")
	verbose := f.BoolP("verbose", "v", false, "")
	if err := tools.ParseOptions(f, s.args); err != nil {
		return s.misused(err)
	}
	filter, err := tierFilter(f.Arg(0))
	if err != nil {
		return s.failed(err)
	}
	version := s.b.Version()
	report, err := s.b.Dispersal(filter, *recalculate)
	if err != nil {
		return s.failed(err)
	}
	if s.b.Version() != version {
		if code := s.save(); code != exitOK {
			return code
		}
	}
	dispersion, _ := s.b.Dispersion()
	balance, err := s.b.Balance()
	if err != nil {
		return s.failed(err)
	}
	required, err := s.b.RequiredOverload()
	if err != nil {
		return s.failed(err)
	}
	s.say("Dispersion is %.6f, Balance is %.6f, Overload is %.2f%%", dispersion, balance, s.b.Overload()*100)
	s.say("Required overload is %.6f%%", required*100)
	status := exitOK
	if report.WorstTier != "" {
		status = exitWarning
		s.say("Worst tier is %.6f (%s)", report.Worst, report.WorstTier)
	}
	if *verbose && len(report.Tiers) > 0 {
		s.graph(report.Tiers)
	}
	return status
}

// tierFilter accepts names that begin with what the expression matches.
func tierFilter(expression string) (func(string) bool, error) {
	if expression == "" {
		return nil, nil
	}
	re, err := regexp.Compile("^(?:" + expression + ")")
	if err != nil {
		return nil, fmt.Errorf("search_filter %s: %w", quoted(expression), err)
	}
	return re.MatchString, nil
}

func (s *session) graph(tiers []builder.TierReport) {
	name, count := 30, max(len(strconv.Itoa(s.b.Partitions())), 5)
	for _, t := range tiers {
		name = max(name, len(t.Name))
	}
	var columns []string
	for i := range int(math.Ceil(s.b.Replicas() + 1)) {
		columns = append(columns, fmt.Sprintf("%*d", count, i))
	}
	header := fmt.Sprintf("%-*s %*s %6s %6s %s", name, "Tier", count, "Parts", "%", "Max", strings.Join(columns, " "))
	rule := strings.Repeat("-", len(header))
	s.say("%s\n%s\n%s", rule, header, rule)
	for _, t := range tiers {
		columns = columns[:0]
		for _, n := range t.Parts {
			columns = append(columns, fmt.Sprintf("%*d", count, n))
		}
		s.say("%-*s %*d %6.2f %6d %s", name, t.Name, count, t.PlacedParts, t.Dispersion, t.MaxReplicas, strings.Join(columns, " "))
	}
}
