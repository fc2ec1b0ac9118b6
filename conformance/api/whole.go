package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// bodyLimit is the largest answer that a case may get, in bytes.
const bodyLimit = 64 << 20

// whole reads every answer to its end before a case sees it. Cases look at
// bodies or do not; either way the connection is free again, and no finalizer
// has to close it at some later time.
type whole struct{ client *http.Client }

// Do implements httpexpect.Client.
func (w whole) Do(req *http.Request) (*http.Response, error) {
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit+1))
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err == nil && len(text) > bodyLimit {
		err = fmt.Errorf("the answer is longer than %d bytes", bodyLimit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %s, and after %d bytes of the body: %w", req.Method, req.URL, resp.Status, len(text), err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}
