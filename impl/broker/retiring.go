package broker

import "context"

// ListServed lists the objects that clients are shown: while the container is
// being sharded those of the file that is being retired, for what came since
// then belongs into shards, else those of List.
func (x *ContainerTx) ListServed(policy int, o ListOptions) (entries []ObjectEntry, err error) {
	d := x.t.d
	if len(d.present) < 2 {
		return x.List(policy, o)
	}
	old := d.aside(d.present[len(d.present)-2])
	defer old.drop()
	err = old.transact(context.Background(), false, func(t *tx) (err error) {
		entries, err = (&ContainerTx{t}).List(policy, o)
		return err
	})
	return entries, err
}
