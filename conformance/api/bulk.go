package api

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
)

// archive makes a tar of files, given as name and content in turn.
func archive(files ...string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(files[i], "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		_ = w.WriteHeader(h) // a bytes.Buffer takes everything
		_, _ = w.Write([]byte(files[i+1]))
	}
	_ = w.Close()
	return b.String()
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// bzipped is the archive of one file "o" that holds "hi\n", packed with bzip2.
func bzipped() string {
	text, _ := base64.StdEncoding.DecodeString(bzippedTar)
	return string(text)
}

// extract uploads an archive and returns the report's status and its rows.
func (e *Env) extract(path, kind, content string, opts ...option) *response {
	e.Need("bulk_upload")
	opts = append([]option{query("extract-archive=" + kind), hdr("Accept", "application/json"), body(content)}, opts...)
	return e.do("PUT", path, opts...).Status(200)
}

// created checks a report of an upload.
func created(r *response, status string, files, errors int) {
	o := r.JSON().Object()
	o.Value("Response Status").IsEqual(status)
	o.Value("Number Files Created").IsEqual(files)
	o.Value("Errors").Array().Length().IsEqual(errors)
}

func bulkCases() []Case { return append(bulkUploadCases(), bulkDeleteCases()...) }

func bulkUploadCases() []Case {
	const feature = "bulk upload"
	return []Case{
		{"bulk-upload-tar", "PUT", "container", feature, "a tar becomes objects, and the report counts them", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar", archive("a", "first", "b/c", "second")), "201 Created", 2, 0)
			e.do("GET", c+"/a").Status(200).Body().IsEqual("first")
			e.do("GET", c+"/b/c").Status(200).Body().IsEqual("second")
		}},
		{"bulk-upload-gz", "PUT", "container", feature, "a tar.gz is unpacked", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar.gz", gzipped(archive("a", "first"))), "201 Created", 1, 0)
			e.do("GET", c+"/a").Status(200).Body().IsEqual("first")
		}},
		{"bulk-upload-bz2", "PUT", "container", feature, "a tar.bz2 is unpacked", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar.bz2", bzipped()), "201 Created", 1, 0)
			e.do("GET", c+"/o").Status(200).Body().IsEqual("hi\n")
		}},
		{"bulk-upload-prefix", "PUT", "object", feature, "a path below the container stands before the names", func(e *Env) {
			c := e.container()
			created(e.extract(c+"/deep/er", "tar", archive("a", "first")), "201 Created", 1, 0)
			e.do("GET", c+"/deep/er/a").Status(200).Body().IsEqual("first")
		}},
		{"bulk-upload-account", "PUT", "account", feature, "an archive for an account makes containers", func(e *Env) {
			name := e.name()
			e.removeLater(name)
			created(e.extract("", "tar", archive(name+"/a", "first", name+"/b/c", "second")), "201 Created", 2, 0)
			e.do("GET", name+"/b/c").Status(200).Body().IsEqual("second")
		}},
		{"bulk-upload-new-container", "PUT", "container", feature, "a container that is missing is made", func(e *Env) {
			name := e.name()
			e.removeLater(name)
			created(e.extract(name, "tar", archive("a", "first")), "201 Created", 1, 0)
			e.do("GET", name+"/a").Status(200).Body().IsEqual("first")
		}},
		{"bulk-upload-directories", "PUT", "container", feature, "directories of an archive are no objects", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar", archive("d/", "", "d/a", "first", "./b", "second")), "201 Created", 2, 0)
			e.listed(c, "", "b", "d/a")
		}},
		{"bulk-upload-empty-files", "PUT", "container", feature, "empty files are empty objects", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar", archive("a", "", "b", "")), "201 Created", 2, 0)
			e.do("GET", c+"/b").Status(200).Header("Content-Length").IsEqual("0")
		}},
		{"bulk-upload-chunked", "PUT", "container", feature, "an archive without Content-Length is unpacked", func(e *Env) {
			e.Need("bulk_upload")
			c := e.container()
			r := e.do("PUT", c, query("extract-archive=tar"), hdr("Accept", "application/json"), chunked(archive("a", "first"))).Status(200)
			created(r, "201 Created", 1, 0)
		}},
		{"bulk-upload-text", "PUT", "container", feature, "the report is text by default", func(e *Env) {
			e.Need("bulk_upload")
			r := e.do("PUT", e.container(), query("extract-archive=tar"), body(archive("a", "first"))).Status(200)
			r.Body().Contains("Number Files Created: 1").Contains("Response Status: 201 Created")
		}},
		{"bulk-upload-xml", "PUT", "container", feature, "the report comes as XML", func(e *Env) {
			e.Need("bulk_upload")
			r := e.do("PUT", e.container(), query("extract-archive=tar"), hdr("Accept", "application/xml"), body(archive("a", "first"))).Status(200)
			r.Body().Contains("<number_files_created>1</number_files_created>").Contains("<response_status>201 Created</response_status>")
		}},
		{"bulk-upload-format", "PUT", "container", feature, "an unknown format is 400", func(e *Env) {
			e.Need("bulk_upload")
			e.do("PUT", e.container(), query("extract-archive=zip"), body("x")).Status(400)
		}},
		{"bulk-upload-accept", "PUT", "container", feature, "a report in no form that is accepted is 406", func(e *Env) {
			e.Need("bulk_upload")
			e.do("PUT", e.container(), query("extract-archive=tar"), hdr("Accept", "image/png"), body(archive("a", "x"))).
				Status(200).Body().Contains("406 Not Acceptable")
		}},
		{"bulk-upload-broken", "PUT", "container", feature, "what is no archive is 400 in the report", func(e *Env) {
			r := e.extract(e.container(), "tar.gz", "this is no archive")
			r.JSON().Object().Value("Response Status").IsEqual("400 Bad Request")
		}},
		{"bulk-upload-empty", "PUT", "container", feature, "an archive without files is 400 in the report", func(e *Env) {
			created(e.extract(e.container(), "tar", archive()), "400 Bad Request", 0, 0)
		}},
		{"bulk-upload-long-name", "PUT", "container", feature, "a name over the limit is an error, the others are stored", func(e *Env) {
			c := e.container()
			long := strings.Repeat("x", e.limit("max_object_name_length", 1024)+1)
			created(e.extract(c, "tar", archive("a", "first", long, "bad")), "400 Bad Request", 1, 1)
			e.do("GET", c+"/a").Status(200)
		}},
		{"bulk-upload-unicode", "PUT", "container", feature, "names beyond ASCII are kept", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar", archive("馬 %", "first")), "201 Created", 1, 0)
			e.do("GET", c+"/馬 %").Status(200).Body().IsEqual("first")
		}},
		{"bulk-upload-type", "PUT", "container", feature, "types are guessed from names, and expiry is passed on", func(e *Env) {
			c := e.container()
			created(e.extract(c, "tar", archive("page.html", "first"), hdr("X-Delete-After", "3600")), "201 Created", 1, 0)
			r := e.do("HEAD", c+"/page.html").Status(200)
			r.Header("Content-Type").HasPrefix("text/html")
			r.Header("X-Delete-At").NotEmpty()
		}},
		{"bulk-upload-meta", "PUT", "container", feature, "extended attributes become metadata and type", func(e *Env) {
			c := e.container()
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			_ = w.WriteHeader(&tar.Header{Name: "o", Mode: 0o644, Size: 2, Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{
				"SCHILY.xattr.user.mime_type": "text/x-attribute", "SCHILY.xattr.user.meta.colour": "blue"}})
			_, _ = w.Write([]byte("hi"))
			_ = w.Close()
			created(e.extract(c, "tar", b.String()), "201 Created", 1, 0)
			r := e.do("HEAD", c+"/o").Status(200)
			r.Header("Content-Type").HasPrefix("text/x-attribute")
			r.Header("X-Object-Meta-Colour").IsEqual("blue")
		}},
		{"bulk-upload-forbidden", "PUT", "container", feature, "an archive of a user without rights is 401 in the report, or refused", func(e *Env) {
			e.Need("bulk_upload")
			c := e.container()
			r := status(e.do("PUT", c, query("extract-archive=tar"), anonymous(), hdr("Accept", "application/json"), body(archive("a", "x"))), 200, 401)
			if r.Raw().StatusCode == 200 {
				r.JSON().Object().Value("Response Status").IsEqual("401 Unauthorized")
			}
			e.do("HEAD", c+"/a").Status(404)
		}},
		{"bulk-upload-large", "PUT", "container", feature, "files of a MiB are unpacked whole", func(e *Env) {
			c := e.container()
			content := strings.Repeat("0123456789abcdef", 1<<16)
			created(e.extract(c, "tar.gz", gzipped(archive("a", content, "b", "small"))), "201 Created", 2, 0)
			trimmedEtag(e, e.do("HEAD", c+"/a").Status(200).Raw().Header, content)
		}},
	}
}

// bulkDelete deletes paths, one a line.
func (e *Env) bulkDelete(lines string, opts ...option) *response {
	e.Need("bulk_delete")
	opts = append([]option{query("bulk-delete"), hdr("Accept", "application/json"), hdr("Content-Type", "text/plain"), body(lines)}, opts...)
	return e.do("POST", "", opts...).Status(200)
}

// deleted checks a report of a deletion.
func deleted(r *response, status string, gone, missing, errors int) {
	o := r.JSON().Object()
	o.Value("Response Status").IsEqual(status)
	o.Value("Number Deleted").IsEqual(gone)
	o.Value("Number Not Found").IsEqual(missing)
	o.Value("Errors").Array().Length().IsEqual(errors)
}

func bulkDeleteCases() []Case {
	const feature = "bulk delete"
	return []Case{
		{"bulk-delete", "POST", "account", feature, "the objects named are deleted and counted, others stay", func(e *Env) {
			c := e.fill("a", "b", "c")
			deleted(e.bulkDelete(c+"/a\n"+c+"/b\n"), "200 OK", 2, 0, 0)
			e.do("GET", c+"/a").Status(404)
			e.do("GET", c+"/c").Status(200)
		}},
		{"bulk-delete-slash", "POST", "account", feature, "paths may begin with a slash and end without a newline", func(e *Env) {
			c := e.fill("a")
			deleted(e.bulkDelete("/"+c+"/a"), "200 OK", 1, 0, 0)
		}},
		{"bulk-delete-absent", "POST", "account", feature, "absent objects are counted apart", func(e *Env) {
			c := e.fill("a")
			deleted(e.bulkDelete(c+"/a\n"+c+"/absent\n"), "200 OK", 1, 1, 0)
		}},
		{"bulk-delete-container", "POST", "account", feature, "a container is deleted after its objects", func(e *Env) {
			c := e.fill("a", "b")
			e.listed(c, "", "a", "b")
			deleted(e.bulkDelete(c+"\n"+c+"/a\n"+c+"/b\n"), "200 OK", 3, 0, 0)
			e.do("HEAD", c).Status(404)
		}},
		{"bulk-delete-container-last", "POST", "account", feature, "a container is not deleted together with the last of its objects", func(e *Env) {
			// Two are deleted at once by default: with an odd number of
			// objects there is room for the container beside the last.
			for _, names := range [][]string{{"a"}, {"a", "b", "c"}} {
				c := e.fill(names...)
				e.listed(c, "", names...)
				lines := c + "/\n"
				for _, n := range names {
					lines += c + "/" + n + "\n"
				}
				deleted(e.bulkDelete(lines), "200 OK", len(names)+1, 0, 0)
				e.do("HEAD", c).Status(404)
			}
		}},
		{"bulk-delete-container-full", "POST", "account", feature, "a container with objects is an error: 409", func(e *Env) {
			c := e.fill("a")
			e.listed(c, "", "a")
			r := e.bulkDelete(c + "\n")
			deleted(r, "400 Bad Request", 0, 0, 1)
			r.JSON().Object().Value("Errors").Array().Value(0).Array().Value(1).IsEqual("409 Conflict")
		}},
		{"bulk-delete-quoted", "POST", "account", feature, "paths are percent-decoded", func(e *Env) {
			c := e.fill("馬 %/x")
			deleted(e.bulkDelete(c+"/%E9%A6%AC%20%25/x\n"), "200 OK", 1, 0, 0)
		}},
		{"bulk-delete-verb", "DELETE", "account", feature, "DELETE does what POST does", func(e *Env) {
			e.Need("bulk_delete")
			c := e.fill("a")
			r := e.do("DELETE", "", query("bulk-delete"), hdr("Accept", "application/json"), hdr("Content-Type", "text/plain"), body(c+"/a\n")).Status(200)
			deleted(r, "200 OK", 1, 0, 0)
		}},
		{"bulk-delete-text", "POST", "account", feature, "the report is text by default", func(e *Env) {
			e.Need("bulk_delete")
			c := e.fill("a")
			r := e.do("POST", "", query("bulk-delete"), hdr("Content-Type", "text/plain"), body(c+"/a\n")).Status(200)
			r.Body().Contains("Number Deleted: 1").Contains("Response Status: 200 OK")
		}},
		{"bulk-delete-xml", "POST", "account", feature, "the report comes as XML", func(e *Env) {
			c := e.fill("a")
			r := e.bulkDelete(c+"/a\n", hdr("Accept", "text/xml"))
			r.Body().Contains("<number_deleted>1</number_deleted>")
		}},
		{"bulk-delete-nothing", "POST", "account", feature, "an empty list is 400 in the report", func(e *Env) {
			e.bulkDelete("").JSON().Object().Value("Response Status").IsEqual("400 Bad Request")
		}},
		{"bulk-delete-blank-lines", "POST", "account", feature, "blank lines count for nothing", func(e *Env) {
			c := e.fill("a")
			deleted(e.bulkDelete("\n"+c+"/a\n\n"), "200 OK", 1, 0, 0)
		}},
		{"bulk-delete-long-line", "POST", "account", feature, "a line that is no name is 400 in the report", func(e *Env) {
			r := e.bulkDelete(strings.Repeat("x", 12_000) + "\n")
			r.JSON().Object().Value("Response Status").String().HasPrefix("400")
		}},
		{"bulk-delete-too-many", "POST", "account", feature, "more paths than /info allows are 413 in the report", func(e *Env) {
			e.Need("bulk_delete")
			n := e.number("bulk_delete", "max_deletes_per_request", 10000)
			if n > 20_000 {
				e.Skip("/info allows %d deletions", n)
			}
			r := e.bulkDelete(strings.Repeat(e.prefix+"-absent/o\n", n+1))
			r.JSON().Object().Value("Response Status").String().HasPrefix("413")
		}},
		{"bulk-delete-forbidden", "POST", "account", feature, "what a user may not delete stays", func(e *Env) {
			e.Need("bulk_delete")
			c := e.fill("a")
			g := e.guest()
			r := status(e.do("POST", "", query("bulk-delete"), as(g), hdr("Accept", "application/json"), hdr("Content-Type", "text/plain"), body(c+"/a\n")), 200, 403)
			if r.Raw().StatusCode == 200 {
				r.JSON().Object().Value("Number Deleted").IsEqual(0)
			}
			e.do("GET", c+"/a").Status(200)
		}},
		{"bulk-delete-slo", "POST", "account", feature, "a large object's manifest is deleted, its segments stay", func(e *Env) {
			p, c, _, _ := e.slo()
			deleted(e.bulkDelete(p+"\n"), "200 OK", 1, 0, 0)
			e.do("GET", c+"/seg/0").Status(200)
		}},
	}
}

const bzippedTar = "QlpoOTFBWSZTWS4LvZYAAHb7kMmQAADAAE+EAADgYJ4ABAAACCAAVEappkyYTGpjTQbUUaaNGQGQ3+fjY4CEowAQqVhNlPXSKEJkVdPRgdkBsPoF3Wcjl4b2BFTKKqwABFwXckU4UJAuC72W"
