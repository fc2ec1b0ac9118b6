package daemon

import (
	"strings"

	"apus/impl/config"
)

// withoutEffect are options that Swift's daemons have and that mean nothing
// here: they tune Python's processes and threads, or what the service manager
// and the host's logging do with apus, or mean nothing to Swift any more. They
// are no reason for a warning.
func withoutEffect() []string {
	return strings.Fields(`
		allow_versions cooperative_period daemonize eventlet_debug eventlet_tpool_num_threads
		ionice_class ionice_priority nice_priority splice stale_worker_timeout
		log_address log_custom_handlers log_facility log_format log_headers
		log_max_line_length log_name log_requests
		log_udp_host log_udp_port
		servers_per_port slow slow_delete_log_threshold_seconds
		user workers`)
}

// unknownOptions lists the options of the sections this daemon is made of that
// nobody read. One file is shared by daemons, so other sections say nothing.
func unknownOptions(file *config.File, kind Kind) (unknown []string) {
	sections := []string{string(kind)}
	if kind.isServer() {
		filters, app, err := file.Pipeline()
		if err != nil {
			return nil // reported when the pipeline was built
		}
		sections = []string{"app:" + app.Name}
		for _, f := range filters {
			sections = append(sections, "filter:"+f.Name)
		}
	}
	own := map[string]bool{}
	for _, name := range sections {
		own[name] = true
		for _, key := range withoutEffect() {
			file.Section(name).Lookup(key)
		}
	}
	for _, option := range file.Unknown() {
		if section, _, _ := strings.Cut(option, "/"); own[section] {
			unknown = append(unknown, option)
		}
	}
	return unknown
}
