package api

import "strings"

func gatekeeperCases() []Case {
	stripped := func(id, verb, resource, want string, headers ...string) Case {
		return Case{"gatekeeper-" + id, verb, resource, "gatekeeper", want, func(e *Env) {
			var opts []option
			for _, h := range headers {
				opts = append(opts, hdr(h, "forged"))
			}
			switch resource {
			case "account":
				e.do(verb, "", opts...).Status(204)
				e.public("")
			case "container":
				e.public(e.container(opts...))
			default:
				e.public(e.object("x", opts...))
			}
		}}
	}
	return []Case{
		stripped("account-sysmeta", "POST", "account", "an account's sysmeta of a client is dropped", "X-Account-Sysmeta-Forged", "X-Account-Sysmeta-Core-Access-Control"),
		stripped("container-sysmeta", "PUT", "container", "a container's sysmeta of a client is dropped", "X-Container-Sysmeta-Forged", "X-Container-Sysmeta-Versions-Container"),
		stripped("object-sysmeta", "PUT", "object", "an object's sysmeta of a client is dropped", "X-Object-Sysmeta-Forged", "X-Object-Sysmeta-Slo-Etag", "X-Object-Sysmeta-Ec-Etag"),
		stripped("object-transient", "PUT", "object", "transient sysmeta of a client is dropped", "X-Object-Transient-Sysmeta-Forged"),
		stripped("backend", "PUT", "object", "X-Backend headers of a client are dropped", "X-Backend-Storage-Policy-Index", "X-Backend-Timestamp", "X-Backend-Replication", "X-Backend-Etag-Is-At"),
		stripped("update-targets", "PUT", "object", "where to send updates is not for clients to say", "X-Container-Host", "X-Container-Device", "X-Container-Partition", "X-Delete-At-Host", "X-Delete-At-Container"),
		stripped("account-targets", "PUT", "container", "where to send an account's updates is not for clients to say", "X-Account-Host", "X-Account-Device", "X-Account-Partition", "X-Container-Root-Db-State"),
		{"gatekeeper-timestamp", "PUT", "object", "gatekeeper", "a client's X-Timestamp does not date its write", func(e *Env) {
			p := e.object("first")
			e.do("PUT", p, body("second"), hdr("X-Timestamp", "0000000001.00000")).Status(201)
			r := e.do("GET", p).Status(200)
			r.Body().IsEqual("second")
			r.Header("X-Timestamp").AsNumber().Gt(1_000_000_000)
		}},
		{"gatekeeper-timestamp-delete", "DELETE", "object", "gatekeeper", "a client's old X-Timestamp does not undo its DELETE", func(e *Env) {
			p := e.object("x")
			e.do("DELETE", p, hdr("X-Timestamp", "0000000001.00000")).Status(204)
			e.do("GET", p).Status(404)
		}},
		{"gatekeeper-case", "PUT", "object", "gatekeeper", "private headers in any case are dropped", func(e *Env) {
			w := e.dial()
			c := e.container()
			w.send(w.request("PUT", c+"/o", "Content-Length: 1", "x-ObJeCt-sYsMeTa-Forged: yes", "X_Object_Sysmeta_Other: yes") + "\nx")
			w.want("PUT", 201)
			e.public(c + "/o")
		}},
		{"gatekeeper-post", "POST", "object", "gatekeeper", "POST drops private headers as PUT does", func(e *Env) {
			p := e.object("x")
			e.do("POST", p, hdr("X-Object-Sysmeta-Forged", "yes"), hdr("X-Object-Transient-Sysmeta-Forged", "yes")).Status(202)
			e.public(p)
		}},
		{"gatekeeper-out-listing", "GET", "container", "gatekeeper", "answers of accounts, containers, listings and errors have no private headers", func(e *Env) {
			c := e.fill("o")
			for _, p := range []string{"", c, c + "/o", c + "/absent", e.prefix + "-absent"} {
				for _, verb := range []string{"GET", "HEAD"} {
					e.private(e.do(verb, p))
				}
			}
		}},
		{"gatekeeper-out-writes", "PUT", "object", "gatekeeper", "answers to writes have no private headers", func(e *Env) {
			c := e.container()
			e.private(e.do("PUT", c+"/o", body("x")))
			e.private(e.do("POST", c+"/o", hdr("X-Object-Meta-A", "b")))
			e.private(e.do("COPY", c+"/o", hdr("Destination", c+"/p")))
			e.private(e.do("POST", c, hdr("X-Container-Meta-A", "b")))
			e.private(e.do("DELETE", c+"/o"))
		}},
		{"gatekeeper-out-slo", "GET", "object", "gatekeeper", "answers of large objects and links have no private headers", func(e *Env) {
			p, c, _, _ := e.slo()
			e.private(e.do("GET", p))
			e.private(e.do("GET", p, query("multipart-manifest=get")))
			e.Need("symlink")
			l := e.link(c+"/link", p)
			e.private(e.do("GET", l))
			e.private(e.do("HEAD", l, query("symlink=get")))
		}},
		{"gatekeeper-reserved-names", "GET", "container", "reserved names", "names that begin with NUL are refused: 412", func(e *Env) {
			e.do("GET", "\x00versions\x00"+e.prefix).Status(412)
			e.do("PUT", "\x00"+e.prefix).Status(412)
			e.do("PUT", e.container()+"/\x00o", body("x")).Status(412)
		}},
		{"gatekeeper-reserved-middle", "PUT", "object", "reserved names", "NUL inside a name is refused: 412", func(e *Env) {
			e.do("PUT", e.container()+"/a\x00b", body("x")).Status(412)
			e.do("GET", e.prefix+"\x00x").Status(412)
		}},
		{"gatekeeper-reserved-header", "GET", "container", "reserved names", "a client cannot ask for reserved names by a header", func(e *Env) {
			r := e.do("GET", "\x00versions\x00"+e.prefix, hdr("X-Backend-Allow-Reserved-Names", "true"), hdr("X-Allow-Reserved-Names", "true"))
			r.Status(412)
		}},
		{"gatekeeper-reserved-parameters", "GET", "container", "reserved names", "NUL in parameters of a listing is refused, or lists nothing that is reserved", func(e *Env) {
			c := e.container()
			if _, ok := e.info["object_versioning"]; ok {
				e.versioned()
			}
			for _, p := range []string{c, ""} {
				r := status(e.do("GET", p, query("format=json&prefix=%00")), 200, 412)
				for _, row := range decodeListing(r.Raw()) {
					if strings.HasPrefix(row.Name, "\x00") {
						e.Failf("GET %s?prefix=%%00 lists %q", p, row.Name)
					}
				}
			}
		}},
	}
}

// public checks that no header that a client forged came back, and that the
// resource answers.
func (e *Env) public(path string) {
	r := e.do("HEAD", path)
	r.StatusRange(200)
	e.private(r)
	for name, values := range r.Raw().Header {
		if strings.Contains(strings.ToLower(name), "forged") || strings.Contains(strings.Join(values, " "), "forged") {
			e.Failf("the answer has %s: %v", name, values)
		}
	}
}

// private checks that an answer has no header that is not for clients.
func (e *Env) private(r *response) {
	for name := range r.Raw().Header {
		lower := strings.ToLower(name)
		for _, prefix := range []string{"x-backend", "x-account-sysmeta", "x-container-sysmeta", "x-object-sysmeta", "x-object-transient-sysmeta"} {
			if strings.HasPrefix(lower, prefix) {
				e.Failf("the answer to %s %s has the private header %s", r.Raw().Request.Method, r.Raw().Request.URL, name)
			}
		}
	}
}
