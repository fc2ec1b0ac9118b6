package api

import (
	"bytes"
	"crypto/sha256"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// form is an upload as a browser makes it.
type form struct {
	e        *Env
	path     string // of the container, with the prefix of the names
	redirect string
	size     string
	count    string
	expires  string
	key      string
	fields   [][2]string // more fields, before the files
	files    [][3]string // name, type, content
}

// form makes a container with a key and a form for it.
func (e *Env) form() *form {
	e.Need("formpost")
	c := e.container(hdr("X-Container-Meta-Temp-Url-Key", tempKey))
	return &form{e: e, path: c + "/", size: "1000", count: "10", key: tempKey,
		expires: strconv.FormatInt(e.now().Add(time.Hour).Unix(), 10), files: [][3]string{{"file.txt", "text/x-form", "content"}}}
}

// post signs and sends the form.
func (f *form) post(opts ...option) *response {
	text := strings.Join([]string{"/v1/" + f.e.accountName() + "/" + f.path, f.redirect, f.size, f.count, f.expires}, "\n")
	fields := append([][2]string{{"redirect", f.redirect}, {"max_file_size", f.size}, {"max_file_count", f.count},
		{"expires", f.expires}, {"signature", sign(sha256.New, f.key, text)}}, f.fields...)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range fields {
		if field[1] != "" {
			_ = w.WriteField(field[0], field[1]) // a bytes.Buffer takes everything
		}
	}
	for i, file := range f.files {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file` + itoa(i) + `"; filename="` + file[0] + `"`}}
		if file[1] != "" {
			h.Set("Content-Type", file[1])
		}
		part, _ := w.CreatePart(h)
		_, _ = part.Write([]byte(file[2]))
	}
	_ = w.Close()
	opts = append([]option{anonymous(), body(b.String()), hdr("Content-Type", w.FormDataContentType())}, opts...)
	return f.e.do("POST", f.path, opts...)
}

func formCases() []Case {
	formed := func(id, want string, check func(e *Env, f *form)) Case {
		return Case{"formpost-" + id, "POST", "container", "formpost", want, func(e *Env) { check(e, e.form()) }}
	}
	return []Case{
		formed("upload", "a signed form stores its file under its name and type, 201", func(e *Env, f *form) {
			f.post().Status(201)
			r := e.do("GET", f.path+"file.txt").Status(200)
			r.Body().IsEqual("content")
			r.Header("Content-Type").HasPrefix("text/x-form")
		}),
		formed("files", "several files are stored", func(e *Env, f *form) {
			f.files = [][3]string{{"a", "text/plain", "first"}, {"b", "text/plain", "second"}}
			f.post().Status(201)
			e.do("GET", f.path+"a").Status(200).Body().IsEqual("first")
			e.do("GET", f.path+"b").Status(200).Body().IsEqual("second")
		}),
		formed("prefix", "the path of the form stands before the names", func(e *Env, f *form) {
			f.path += "up/loaded-"
			f.post().Status(201)
			e.do("GET", f.path+"file.txt").Status(200)
		}),
		formed("redirect", "a redirect is 303 to that page, with the status", func(_ *Env, f *form) {
			f.redirect = "http://www.example.com/done"
			f.post().Status(303).Header("Location").IsEqual("http://www.example.com/done?status=201&message=")
		}),
		formed("redirect-query", "a redirect with a query keeps it", func(_ *Env, f *form) {
			f.redirect = "http://www.example.com/done?a=b"
			f.post().Status(303).Header("Location").IsEqual("http://www.example.com/done?a=b&status=201&message=")
		}),
		formed("wrong-signature", "a wrong signature is 401 and nothing is stored", func(e *Env, f *form) {
			f.key = "another"
			f.post().Status(401).Body().IsEqual("FormPost: Invalid Signature")
			e.do("HEAD", f.path+"file.txt").Status(404)
		}),
		formed("expired", "an expired form is 401", func(e *Env, f *form) {
			f.expires = strconv.FormatInt(e.now().Add(-time.Minute).Unix(), 10)
			f.post().Status(401).Body().IsEqual("FormPost: Form Expired")
		}),
		formed("too-large", "a file over max_file_size is 413 or 400", func(e *Env, f *form) {
			f.size = "3"
			status(f.post(), 413, 400)
			e.do("HEAD", f.path+"file.txt").Status(404)
		}),
		formed("largest", "a file of max_file_size is stored", func(e *Env, f *form) {
			f.size = "7"
			f.post().Status(201)
			e.do("GET", f.path+"file.txt").Status(200).Body().IsEqual("content")
		}),
		formed("too-many", "more files than max_file_count are 400", func(_ *Env, f *form) {
			f.count = "1"
			f.files = append(f.files, [3]string{"second", "text/plain", "x"})
			f.post().Status(400).Body().Contains("Max File Count Exceeded")
		}),
		formed("no-files", "a form without files is 400", func(_ *Env, f *form) {
			f.files = nil
			f.post().Status(400).Body().Contains("No Files To Process")
		}),
		formed("numbers", "limits that are no numbers are 400", func(_ *Env, f *form) {
			f.count = "many"
			f.post().Status(400).Body().IsEqual("FormPost: max_file_count not an integer")
			f.count, f.size = "10", "big"
			f.post().Status(400).Body().IsEqual("FormPost: max_file_size not an integer")
		}),
		formed("expires-nonsense", "an expiry that is no number is 400", func(_ *Env, f *form) {
			f.expires = "soon"
			f.post().Status(400)
		}),
		formed("delete-after", "x_delete_after makes the object expire", func(e *Env, f *form) {
			f.fields = [][2]string{{"x_delete_after", "3600"}}
			f.post().Status(201)
			e.do("HEAD", f.path+"file.txt").Status(200).Header("X-Delete-At").NotEmpty()
		}),
		formed("delete-at", "x_delete_at makes the object expire then", func(e *Env, f *form) {
			f.fields = [][2]string{{"x_delete_at", f.expires}}
			f.post().Status(201)
			e.do("HEAD", f.path+"file.txt").Status(200).Header("X-Delete-At").IsEqual(f.expires)
		}),
		formed("delete-at-nonsense", "an x_delete_at that is no number is 400", func(_ *Env, f *form) {
			f.fields = [][2]string{{"x_delete_at", "soon"}}
			f.post().Status(400)
		}),
		formed("type", "a content-type field is the type of all files", func(e *Env, f *form) {
			f.fields = [][2]string{{"content-type", "text/x-field"}, {"content-encoding", "x-odd"}}
			f.post().Status(201)
			r := e.do("HEAD", f.path+"file.txt").Status(200)
			r.Header("Content-Type").HasPrefix("text/x-field")
			r.Header("Content-Encoding").IsEqual("x-odd")
		}),
		formed("boundary", "a body without the boundary is 400", func(e *Env, f *form) {
			e.do("POST", f.path, anonymous(), body("nonsense"), hdr("Content-Type", "multipart/form-data; boundary=xyz")).
				Status(400).Body().IsEqual("FormPost: invalid starting boundary")
		}),
		formed("unicode", "a name beyond ASCII is kept", func(e *Env, f *form) {
			f.files[0][0] = "馬.txt"
			f.post().Status(201)
			e.do("GET", f.path+"馬.txt").Status(200).Body().IsEqual("content")
		}),
		formed("no-key", "without a key no form is taken: 401", func(e *Env, f *form) {
			e.do("POST", strings.TrimSuffix(f.path, "/"), hdr("X-Remove-Container-Meta-Temp-Url-Key", "x")).Status(204)
			f.post().Status(401)
		}),
		formed("cors", "the answer is readable by an allowed origin", func(e *Env, f *form) {
			e.do("POST", strings.TrimSuffix(f.path, "/"), hdr("X-Container-Meta-Access-Control-Allow-Origin", origin)).Status(204)
			f.post(hdr("Origin", origin)).Status(201).Header("Access-Control-Allow-Origin").IsEqual(origin)
		}),
	}
}
