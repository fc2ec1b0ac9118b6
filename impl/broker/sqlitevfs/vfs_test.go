package sqlitevfs

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"apus/impl/host/real"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func register(t *testing.T) *FS {
	v := Register(real.New("test", nil).FS)
	t.Cleanup(v.Close)
	return v
}

func open(t *testing.T, v *FS, name string) *Conn {
	t.Helper()
	c, err := v.OpenConn(name, true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func count(t *testing.T, c *Conn) int {
	t.Helper()
	s, _, err := c.Prepare("SELECT count(*) FROM x")
	require.NoError(t, err)
	defer s.Close()
	require.True(t, s.Step(), "%v", s.Err())
	return s.ColumnInt(0)
}

func TestTwoConnections(t *testing.T) {
	v := register(t)
	name := filepath.Join(t.TempDir(), "a b%c?.db")
	one, two := open(t, v, name), open(t, v, name)
	require.NoError(t, one.Exec("CREATE TABLE x (a); BEGIN IMMEDIATE; INSERT INTO x VALUES (1)"))
	require.ErrorIs(t, two.Exec("BEGIN IMMEDIATE"), sqlite3.BUSY)
	require.Equal(t, 0, count(t, two))
	require.NoError(t, one.Exec("COMMIT"))
	require.Equal(t, 1, count(t, two))

	// A reader keeps the writer from committing, not from beginning.
	require.NoError(t, two.Exec("BEGIN"))
	require.Equal(t, 1, count(t, two))
	require.NoError(t, one.Exec("BEGIN IMMEDIATE; INSERT INTO x VALUES (2)"))
	require.ErrorIs(t, one.Exec("COMMIT"), sqlite3.BUSY)
	require.NoError(t, two.Exec("COMMIT"))
	require.NoError(t, one.Exec("COMMIT"))
	require.Equal(t, 2, count(t, two))
	_, err := os.Stat(name + "-journal")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestScratchFilesStayInMemory(t *testing.T) {
	dir := t.TempDir()
	c := open(t, register(t), filepath.Join(dir, "x.db"))
	require.NoError(t, c.Exec(`PRAGMA temp_store = FILE; PRAGMA cache_size = 5;
		CREATE TABLE x (a); CREATE TEMP TABLE y (a);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO y SELECT hex(randomblob(40)) FROM n;
		INSERT INTO x SELECT a FROM y ORDER BY a DESC`))
	require.Equal(t, 20000, count(t, c))
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 1)
}

func TestMoved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.db")
	c := open(t, register(t), name)
	require.NoError(t, c.Exec("CREATE TABLE x (a)"))
	moved := func() bool {
		m, err := c.Moved()
		require.NoError(t, err)
		return m
	}
	require.False(t, moved())
	require.NoError(t, os.Rename(name, name+".old"))
	require.True(t, moved())
	require.NoError(t, os.WriteFile(name, nil, 0o644))
	require.True(t, moved())
}

func TestAbsent(t *testing.T) {
	_, err := register(t).OpenConn(filepath.Join(t.TempDir(), "x.db"), false)
	require.True(t, errors.Is(err, os.ErrNotExist), "%v", err)
}

// python is SQLite in C in another process. It executes the lines that send
// writes and says how each went.
type python struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

const pythonProgram = `
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
for line in sys.stdin:
    try:
        print(c.execute(line).fetchall())
    except sqlite3.OperationalError as e:
        print(e)
    sys.stdout.flush()
`

func startPython(t *testing.T, name string) *python {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	cmd := exec.Command("python3", "-c", pythonProgram, name)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return &python{t, in, bufio.NewScanner(out)}
}

func (p *python) send(sql string) string {
	_, err := io.WriteString(p.in, sql+"\n")
	require.NoError(p.t, err)
	require.True(p.t, p.out.Scan())
	return p.out.Text()
}

func TestAnotherSQLite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.db")
	c := open(t, register(t), name)
	require.NoError(t, c.Exec("CREATE TABLE x (a); INSERT INTO x VALUES (1)"))
	py := startPython(t, name)
	const busy = "database is locked"
	require.Equal(t, "[(1,)]", py.send("SELECT count(*) FROM x"))

	require.NoError(t, c.Exec("BEGIN IMMEDIATE"))
	require.Equal(t, busy, py.send("BEGIN IMMEDIATE"))
	require.Equal(t, "[(1,)]", py.send("SELECT count(*) FROM x"))
	require.NoError(t, c.Exec("INSERT INTO x VALUES (2); COMMIT"))
	require.Equal(t, "[(2,)]", py.send("SELECT count(*) FROM x"))

	require.NoError(t, c.Exec("BEGIN EXCLUSIVE"))
	require.Equal(t, busy, py.send("SELECT count(*) FROM x"))
	require.NoError(t, c.Exec("ROLLBACK"))

	require.Equal(t, "[]", py.send("BEGIN IMMEDIATE"))
	require.ErrorIs(t, c.Exec("BEGIN IMMEDIATE"), sqlite3.BUSY)
	require.Equal(t, 2, count(t, c))
	require.Equal(t, "[]", py.send("INSERT INTO x VALUES (3)"))
	require.Equal(t, "[]", py.send("COMMIT"))
	require.Equal(t, 3, count(t, c))

	require.Equal(t, "[]", py.send("BEGIN"))
	require.Equal(t, "[(3,)]", py.send("SELECT count(*) FROM x"))
	require.NoError(t, c.Exec("BEGIN IMMEDIATE; INSERT INTO x VALUES (4)"))
	require.ErrorIs(t, c.Exec("COMMIT"), sqlite3.BUSY)
	require.Equal(t, "[]", py.send("COMMIT"))
	require.NoError(t, c.Exec("COMMIT"))
	require.Equal(t, "[('ok',)]", py.send("PRAGMA integrity_check"))
}
