package info

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// text is a string of the shared format: null when empty, and read from a
// number as well, because Swift writes either.
type text string

func (t text) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*t = ""
		return nil
	case len(b) > 0 && b[0] == '"':
		return json.Unmarshal(b, (*string)(t))
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*t = text(n)
	return nil
}

func count(n int64) text { return text(strconv.FormatInt(n, 10)) }

type accountFormat struct {
	Status         int               `json:"status"`
	ContainerCount text              `json:"container_count"`
	ObjectCount    text              `json:"total_object_count"`
	Bytes          text              `json:"bytes"`
	Policies       map[int]Usage     `json:"storage_policies"`
	Meta           map[string]string `json:"meta"`
	Sysmeta        map[string]string `json:"sysmeta"`
	Exists         *bool             `json:"account_really_exists,omitempty"`
}

func encodeAccount(a *AccountInfo) any {
	f := accountFormat{
		Status: a.Status, ContainerCount: count(a.ContainerCount), ObjectCount: count(a.ObjectCount),
		Bytes: count(a.Bytes), Policies: a.Policies, Meta: a.Meta, Sysmeta: a.Sysmeta,
	}
	if a.OK() {
		f.Exists = &a.Exists
	}
	return f
}

func decodeAccount(b []byte) *AccountInfo {
	var f accountFormat
	if json.Unmarshal(b, &f) != nil {
		return nil
	}
	return &AccountInfo{
		Status: f.Status, ContainerCount: number(string(f.ContainerCount)), ObjectCount: number(string(f.ObjectCount)),
		Bytes: number(string(f.Bytes)), Exists: f.Status/100 == 2 && (f.Exists == nil || *f.Exists),
		Policies: f.Policies, Meta: f.Meta, Sysmeta: f.Sysmeta,
	}
}

type corsFormat struct {
	AllowOrigin   text `json:"allow_origin"`
	ExposeHeaders text `json:"expose_headers"`
	MaxAge        text `json:"max_age"`
}

type containerFormat struct {
	Status          int               `json:"status"`
	ReadACL         text              `json:"read_acl"`
	WriteACL        text              `json:"write_acl"`
	SyncTo          text              `json:"sync_to"`
	SyncKey         text              `json:"sync_key"`
	ObjectCount     text              `json:"object_count"`
	Bytes           text              `json:"bytes"`
	Versions        text              `json:"versions"`
	Policy          text              `json:"storage_policy"`
	CORS            corsFormat        `json:"cors"`
	Meta            map[string]string `json:"meta"`
	Sysmeta         map[string]string `json:"sysmeta"`
	ShardingState   text              `json:"sharding_state"`
	CreatedAt       text              `json:"created_at"`
	PutTimestamp    text              `json:"put_timestamp"`
	DeleteTimestamp text              `json:"delete_timestamp"`
	StatusChangedAt text              `json:"status_changed_at"`
}

func encodeContainer(c *ContainerInfo, h http.Header) any {
	cors := c.CORS()
	return containerFormat{
		Status: c.Status, ReadACL: text(c.ReadACL), WriteACL: text(c.WriteACL),
		SyncTo: text(c.SyncTo), SyncKey: text(c.SyncKey),
		ObjectCount: count(c.ObjectCount), Bytes: count(c.Bytes), Versions: text(c.Versions),
		Policy: text(strconv.Itoa(c.PolicyIndex)),
		CORS:   corsFormat{text(cors.AllowOrigin), text(cors.ExposeHeaders), text(cors.MaxAge)},
		Meta:   c.Meta, Sysmeta: c.Sysmeta, ShardingState: text(c.ShardingState),
		CreatedAt:       text(h.Get("X-Backend-Timestamp")),
		PutTimestamp:    text(h.Get("X-Backend-Put-Timestamp")),
		DeleteTimestamp: text(h.Get("X-Backend-Delete-Timestamp")),
		StatusChangedAt: text(h.Get("X-Backend-Status-Changed-At")),
	}
}

func decodeContainer(b []byte) *ContainerInfo {
	var f containerFormat
	if json.Unmarshal(b, &f) != nil {
		return nil
	}
	c := &ContainerInfo{
		Status: f.Status, ReadACL: string(f.ReadACL), WriteACL: string(f.WriteACL),
		SyncTo: string(f.SyncTo), SyncKey: string(f.SyncKey), Versions: string(f.Versions),
		ObjectCount: number(string(f.ObjectCount)), Bytes: number(string(f.Bytes)),
		PolicyIndex: int(number(string(f.Policy))), ShardingState: string(f.ShardingState),
		Meta: f.Meta, Sysmeta: f.Sysmeta,
	}
	if c.ShardingState == "" {
		c.ShardingState = "unsharded"
	}
	return c
}
