package proxy

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"apus/impl/host"
	"apus/impl/web"
)

// setContentType guesses the type of an object that comes without one, or
// whose client asks for it, by its name.
func (c *call) setContentType() {
	h := c.req.Header
	detect := truth(h.Get("X-Detect-Content-Type"))
	if detect || h.Get("Content-Type") == "" {
		h.Set("Content-Type", c.types.guess(c.path.Object))
	}
	if detect {
		h.Del("X-Detect-Content-Type")
	}
}

// mimeTypes are the operator's, by extension, which go before contentTypes.
type mimeTypes map[string]string

func (m mimeTypes) of(ext string) (string, bool) {
	ext = strings.ToLower(ext)
	if t, ok := m[ext]; ok {
		return t, true
	}
	t, ok := contentTypes[ext]
	return t, ok
}

// guess is the type of an object with this name.
func (m mimeTypes) guess(name string) string {
	ext := path.Ext(name)
	if t, ok := m.of(ext); ok {
		return t
	}
	switch strings.ToLower(ext) { // compressed: the type is that of what is inside
	case ".gz", ".bz2", ".xz", ".z", ".br":
		if t, ok := m.of(path.Ext(strings.TrimSuffix(name, ext))); ok {
			return t
		}
	}
	return "application/octet-stream"
}

const mimeTypesLimit = 1 << 20

// readMimeTypes reads <swift_dir>/mime.types, if it is there: a type and its
// extensions on each line.
func readMimeTypes(fsys host.FS, dir string) (mimeTypes, error) {
	f, err := fsys.OpenFile(path.Join(dir, "mime.types"), host.ReadOnly, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, mimeTypesLimit))
	return parseMimeTypes(string(b)), err
}

func parseMimeTypes(text string) mimeTypes {
	m := mimeTypes{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 1 {
			for _, ext := range words[1:] {
				m["."+strings.ToLower(ext)] = words[0]
			}
		}
	}
	return m
}

// contentTypes are the common ones of the mime table that Swift uses.
var contentTypes = map[string]string{
	".7z": "application/x-7z-compressed", ".aac": "audio/aac", ".aif": "audio/x-aiff", ".aiff": "audio/x-aiff",
	".avi": "video/x-msvideo", ".avif": "image/avif", ".bat": "text/plain", ".bin": "application/octet-stream",
	".bmp": "image/bmp", ".c": "text/plain", ".cpio": "application/x-cpio", ".csh": "application/x-csh",
	".css": "text/css", ".csv": "text/csv", ".dll": "application/octet-stream", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".dvi":  "application/x-dvi", ".eml": "message/rfc822", ".eps": "application/postscript", ".epub": "application/epub+zip",
	".exe": "application/octet-stream", ".flac": "audio/flac", ".gif": "image/gif", ".h": "text/plain",
	".heic": "image/heic", ".htm": "text/html", ".html": "text/html", ".ico": "image/vnd.microsoft.icon",
	".ics": "text/calendar", ".iso": "application/x-iso9660-image", ".jar": "application/java-archive",
	".jpe": "image/jpeg", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript", ".json": "application/json",
	".ksh": "text/plain", ".latex": "application/x-latex", ".m3u": "application/vnd.apple.mpegurl",
	".m3u8": "application/vnd.apple.mpegurl", ".m4a": "audio/mp4", ".m4v": "video/x-m4v", ".man": "application/x-troff-man",
	".md": "text/markdown", ".mht": "message/rfc822", ".mhtml": "message/rfc822", ".mid": "audio/midi", ".midi": "audio/midi",
	".mjs": "text/javascript", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp2": "audio/mpeg",
	".mp3": "audio/mpeg", ".mp4": "video/mp4", ".mpa": "video/mpeg", ".mpe": "video/mpeg", ".mpeg": "video/mpeg",
	".mpg": "video/mpeg", ".nc": "application/x-netcdf", ".o": "application/octet-stream", ".obj": "application/octet-stream",
	".oda": "application/oda", ".odp": "application/vnd.oasis.opendocument.presentation",
	".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odt": "application/vnd.oasis.opendocument.text",
	".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/opus", ".otf": "font/otf",
	".p12": "application/x-pkcs12", ".p7c": "application/pkcs7-mime", ".pbm": "image/x-portable-bitmap",
	".pdf": "application/pdf", ".pfx": "application/x-pkcs12", ".pgm": "image/x-portable-graymap", ".pl": "text/plain",
	".png": "image/png", ".pnm": "image/x-portable-anymap", ".pot": "application/vnd.ms-powerpoint",
	".ppm": "image/x-portable-pixmap", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ps":   "application/postscript", ".py": "text/x-python", ".pyc": "application/x-python-code",
	".qt": "video/quicktime", ".ras": "image/x-cmu-raster", ".rar": "application/x-rar-compressed",
	".rdf": "application/xml", ".rgb": "image/x-rgb", ".roff": "application/x-troff", ".rtf": "application/rtf",
	".rtx": "text/richtext", ".sgm": "text/x-sgml", ".sgml": "text/x-sgml", ".sh": "application/x-sh",
	".so": "application/octet-stream", ".svg": "image/svg+xml", ".swf": "application/x-shockwave-flash",
	".tar": "application/x-tar", ".tcl": "application/x-tcl", ".tex": "application/x-tex", ".tgz": "application/x-tar",
	".tif": "image/tiff", ".tiff": "image/tiff", ".ts": "video/mp2t", ".tsv": "text/tab-separated-values",
	".ttf": "font/ttf", ".txt": "text/plain", ".vcf": "text/x-vcard", ".wasm": "application/wasm", ".wav": "audio/x-wav",
	".weba": "audio/webm", ".webm": "video/webm", ".webp": "image/webp", ".wmv": "video/x-ms-wmv", ".woff": "font/woff",
	".woff2": "font/woff2", ".xbm": "image/x-xbitmap", ".xhtml": "application/xhtml+xml", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xml": "text/xml",
	".xpm": "image/x-xpixmap", ".xsl": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml",
	".zip": "application/zip",
}

// Filters that put parameters of their own into a client's content type say so.
const typeOverridden = "X-Backend-Content-Type-Overridden"

// checkContentType refuses parameters in the client's content type that Swift
// keeps for itself. Filters may use them.
func (c *call) checkContentType() *web.Response {
	if c.req.Source != "" || c.req.Header.Get(typeOverridden) != "" {
		delete(c.req.Header, typeOverridden)
		return nil
	}
	_, params, _ := strings.Cut(c.req.Header.Get("Content-Type"), ";")
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		if strings.HasPrefix(strings.TrimLeft(p, " \t"), "swift_") {
			return web.HTML(http.StatusBadRequest, "Invalid Content-Type, swift_* is not a valid parameter name.")
		}
	}
	return nil
}
