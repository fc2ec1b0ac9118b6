package versioning

import (
	"strings"

	"apus/impl/swift"
)

// reserved begins and joins the parts of names that clients cannot use.
const reserved = "\x00"

// hiddenPrefix begins the names of the containers of versions.
const hiddenPrefix = reserved + "versions" + reserved

// hiddenContainer is where the versions of a container's objects are. A
// reserved name has none.
func hiddenContainer(container string) (string, bool) {
	if strings.Contains(container, reserved) {
		return "", false
	}
	return hiddenPrefix + container, true
}

// clientContainer is the container whose versions a container has: the name
// itself if it is none of these.
func clientContainer(hidden string) string {
	name, ok := strings.CutPrefix(hidden, hiddenPrefix)
	if !ok || strings.Contains(name, reserved) {
		return hidden
	}
	return name
}

// versionPrefix begins the names of an object's versions.
func versionPrefix(object string) string { return reserved + object + reserved }

// versionName is the name of one version. The newest sorts first.
func versionName(object string, id swift.Timestamp) string {
	return versionPrefix(object) + id.Inverted().Internal()
}

// parseVersionName takes versionName apart; false for any other name.
func parseVersionName(name string) (object, id string, ok bool) {
	parts := strings.Split(name, reserved)
	if len(parts) != 3 || parts[0] != "" {
		return "", "", false
	}
	t, err := swift.ParseTimestamp(parts[2])
	if err != nil {
		return "", "", false
	}
	return parts[1], t.Inverted().Internal(), true
}

// versionOf is the version that a request or answer at a moment makes: the
// offset, which tells the link from what it links to, is not part of it.
func versionOf(t swift.Timestamp) swift.Timestamp { return t.WithOffset(0) }
