package ringbuilder

import (
	"path"
	"strings"
)

func (s *session) pretend() int {
	s.b.PretendMinPartHoursPassed()
	return s.save()
}

func (s *session) setMinPartHours() int {
	if len(s.args) < 1 {
		return s.usage("set_min_part_hours", false)
	}
	hours, err := parseInt(s.args[0])
	if err == nil {
		err = s.b.SetMinPartHours(hours)
	}
	if err != nil {
		return s.failed(err)
	}
	s.say("The minimum number of hours before a partition can be reassigned is now set to %s", s.args[0])
	return s.save()
}

const afterRebalance = "The change will take effect after the next rebalance."

func (s *session) setReplicas() int {
	if len(s.args) < 1 {
		return s.usage("set_replicas", false)
	}
	n, err := parseFloat(s.args[0])
	if err != nil {
		s.usage("set_replicas", false)
		s.say("\"%s\" is not a valid number.", s.args[0])
		return exitError
	}
	if n < 1 {
		s.say("Replica count must be at least 1.")
		return exitError
	}
	if err := s.b.SetReplicas(n); err != nil {
		return s.failed(err)
	}
	s.say("The replica count is now %.6f.\n%s", s.b.Replicas(), afterRebalance)
	return s.save()
}

func (s *session) setOverload() int {
	if len(s.args) < 1 {
		return s.usage("set_overload", false)
	}
	text := strings.TrimRight(s.args[0], "%")
	percent := text != s.args[0]
	overload, err := parseFloat(text)
	if err != nil {
		s.usage("set_overload", false)
		s.say("%s is not a valid number.", quoted(text))
		return exitError
	}
	if percent {
		overload *= 0.01
	}
	if overload < 0 {
		s.say("Overload must be non-negative.")
		return exitError
	}
	status := exitOK
	if overload > 1 && !percent {
		s.say("!?! Warning overload is greater than 100%% !?!")
		status = exitWarning
	}
	if err := s.b.SetOverload(overload); err != nil {
		return s.failed(err)
	}
	s.say("The overload factor is now %.2f%% (%.6f)\n%s", s.b.Overload()*100, s.b.Overload(), afterRebalance)
	return max(s.save(), status)
}

const afterWrite = "The change will take effect after the next write_ring."

func (s *session) prepareIncrease() int {
	if !strings.Contains(path.Base(s.builderFile), "object") {
		s.say("Partition power increase is only supported for object rings.")
		return exitError
	}
	if !s.b.PrepareIncrease() {
		s.say("Ring is already prepared for partition power increase.")
		return exitError
	}
	if code := s.save(); code != exitOK {
		return code
	}
	s.say("The next partition power is now %d.\n%s", s.b.NextPartPower(), afterWrite)
	s.say("Ensure your proxy-servers, object-replicators and \nreconstructors are using the changed rings and relink \n(using swift-object-relinker) your existing data\nbefore the partition power increase")
	return exitOK
}

func (s *session) increase() int {
	if !s.b.Increase() {
		s.say("Ring partition power cannot be increased. Either the ring\nwas not prepared yet, or this operation has already run.")
		return exitError
	}
	s.say("The partition power is now %d.\n%s", s.b.PartPower(), afterWrite)
	return s.save()
}

func (s *session) cancelIncrease() int {
	if !s.b.CancelIncrease() {
		s.say("Ring partition power increase cannot be canceled.")
		return exitError
	}
	if code := s.save(); code != exitOK {
		return code
	}
	s.say("The next partition power is now %d.\n%s", s.b.NextPartPower(), afterWrite)
	s.say("Ensure your object-servers are using the changed rings and\ncleanup (using swift-object-relinker) the hard links")
	return exitOK
}

func (s *session) finishIncrease() int {
	if !s.b.FinishIncrease() {
		s.say("Ring partition power increase cannot be finished.")
		return exitError
	}
	s.say(afterWrite)
	return s.save()
}
