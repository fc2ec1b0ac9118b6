package ringbuilder

import (
	"fmt"
	"slices"
	"strings"
)

const (
	searchOptions = `
    --region <region> --zone <zone> --ip <ip or hostname> --port <port>
    --replication-ip <r_ip or r_hostname> --replication-port <r_port>
    --device <device_name> --meta <meta> --weight <weight>`
	searchHelp = `A <search-value> is d<id>r<region>z<zone>-<ip>:<port>R<r_ip>:<r_port>/<device>_<meta>.
Every part may be left out, but not all. R introduces the replication address,
IPv6 addresses stand in brackets, <meta> may be any part of the description.

    d74               device 74
    z1                all of zone 1
    r4z1-1.2.3.4      one host
    [::1]:6200        an IPv6 host and port
    /sdb1             all devices of that name
    _"shelf 3"        all devices with that in their description`
	careful = `
    Clients lose access to data when rings of the wrong step are deployed:
    follow the procedure for an increase of the partition power.`
)

// usages is what each command prints when it is called in the wrong way.
func usages() map[string]string {
	one := func(rest string) string { return "swift-ring-builder <builder_file> " + rest }
	two := func(command, positional, more string) string {
		return one(command+" "+positional) + "\n\nor\n\n" + one(command) + searchOptions + more + "\n"
	}
	return map[string]string{
		"default": "swift-ring-builder <builder_file>\n    Shows the ring and its devices. The flag DEL marks a device that leaves at\n    the next rebalance.",
		"create":  one("create <part_power> <replicas>\n                                         <min_part_hours>\n    Starts a builder of 2^<part_power> partitions. A partition moves at most\n    once in <min_part_hours>."),
		"version": "swift-ring-builder <ring_file> version\n    Shows the format of a ring file.",
		"search":  two("search", "<search-value>", "\n    Shows the devices that match."),
		"list_parts": two("list_parts", "<search-value> [<search-value>] ..",
			"\n    Lists the partitions that have replicas on matching devices, and how many."),
		"add": one("add\n    [r<region>]z<zone>-<ip>:<port>[R<r_ip>:<r_port>]/<device_name>_<meta>\n     <weight> ...") + "\n\nor\n\n" +
			one("add"+searchOptions) + "\n    Adds devices. They get partitions at the next rebalance.",
		"set_weight": two("set_weight", "<search-value> <new_weight>\n    [<search-value> <new_weight>] ...\n    [--yes]", " <new_weight>\n    [--yes]\n    Changes the weight of devices."),
		"set_region": two("set_region", "<search-value> <region>\n    [<search-value> <region>] ...\n    [--yes]", " <region>\n    [--yes]\n    Moves devices to another region."),
		"set_zone":   two("set_zone", "<search-value> <zone>\n    [<search-value> <zone>] ...\n    [--yes]", " <zone>\n    [--yes]\n    Moves devices to another zone."),
		"set_info": two("set_info", "\n    <search-value> <ip>:<port>[R<r_ip>:<r_port>]/<device_name>_<meta> ...\n    [--yes]",
			"\n    --change-ip <ip or hostname> --change-port <port>\n    --change-replication-ip <r_ip or r_hostname>\n    --change-replication-port <r_port>\n    --change-device <device_name> --change-meta <meta>\n    [--yes]\n    Changes how devices are reached and described. No partition moves; use\n    write_ring afterwards."),
		"remove":                           two("remove", "<search-value> [search-value ...]\n    [--yes]", "\n    [--yes]\n    Takes devices out at the next rebalance."),
		"rebalance":                        one("rebalance [--force] [--seed <seed>] [--debug] [--format-version <1 or 2>]\n    Assigns partitions anew and writes the ring."),
		"dispersion":                       one("dispersion <search_filter> [--recalculate] [--verbose]\n    Reports how far apart the replicas are; <search_filter> is a regular\n    expression for the names of tiers."),
		"validate":                         one("validate\n    Checks the ring."),
		"write_ring":                       one("write_ring [--format-version <1 or 2>] [--dev-id-bytes <2 or 4>]\n    Writes the ring file as the builder stands."),
		"write_builder":                    "swift-ring-builder <ring_file> write_builder [min_part_hours]\n    Makes a builder of a ring when the builder is lost. Not all can be restored.",
		"pretend_min_part_hours_passed":    one("pretend_min_part_hours_passed\n    Lets all partitions move at the next rebalance. Data is unavailable if\n    replication has not finished since the last one."),
		"set_min_part_hours":               one("set_min_part_hours <hours>\n    Changes how long a partition rests after it moved."),
		"set_replicas":                     one("set_replicas <replicas>\n    Changes the number of replicas, which may have a fraction, at the next\n    rebalance."),
		"set_overload":                     one("set_overload <overload>[%]\n    Changes how much more than its share a device may take, at the next\n    rebalance."),
		"prepare_increase_partition_power": one("prepare_increase_partition_power\n    Announces that the partition power will be increased by one." + careful),
		"increase_partition_power":         one("increase_partition_power\n    Increases the partition power after everything was relinked." + careful),
		"cancel_increase_partition_power":  one("cancel_increase_partition_power\n    Takes a prepared increase back." + careful),
		"finish_increase_partition_power":  one("finish_increase_partition_power\n    Ends an increase after everything was cleaned up." + careful),
	}
}

// usage prints how to call a command, and fails.
func (s *session) usage(command string, withSearch bool) int {
	s.say("%s", usages()[command])
	if withSearch {
		s.say("\n%s", searchHelp)
	}
	return exitError
}

func (s *session) help() int {
	s.say("swift-ring-builder 1.3\n")
	all := usages()
	s.say("%s\n", all["default"])
	delete(all, "default")
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s.say("%s\n", all[name])
	}
	s.say("%s\n", searchHelp)
	s.say("%s", wrapped("Quick list: ", names))
	s.say("Exit codes: 0 = operation successful\n            1 = operation completed with warnings\n            2 = error")
	return exitOK
}

// wrapped fills lines of 79 columns.
func wrapped(label string, words []string) string {
	var b strings.Builder
	column := len(label)
	b.WriteString(label)
	for i, w := range words {
		switch {
		case i == 0:
		case column+1+len(w) > 79:
			fmt.Fprintf(&b, "\n%*s", len(label), "")
			column = len(label)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	return b.String()
}
