package broker

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"apus/impl/host"
	"apus/impl/swift"
)

// badSectors cannot read database files that have content.
type badSectors struct{ host.FS }

func (b badSectors) OpenFile(name string, flag int, perm fs.FileMode) (host.File, error) {
	f, err := b.FS.OpenFile(name, flag, perm)
	if err == nil && strings.HasSuffix(name, ".db") {
		f = unreadable{f}
	}
	return f, err
}

type unreadable struct{ host.File }

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, host.ErrIO }

// As in upstream a database that the disk cannot read is of no use: it goes
// out of the way of a copy from another replica.
func TestAnUnreadableDatabaseIsQuarantined(t *testing.T) {
	m, _ := simDisk(t, 1)
	onDisk(t, m.Process("before"), func(p *Pool) { seed(t, p) })
	onDisk(t, badSectors{m.Process("after")}, func(p *Pool) {
		_, err := container(p).ReplicationInfo(bg)
		require.True(t, swift.Is(err, swift.Corrupt), "%v", err)
		there, err := container(p).Exists(bg)
		require.NoError(t, err)
		require.False(t, there)
		entries, err := p.host.FS.ReadDir("/sda/quarantined/containers")
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}
