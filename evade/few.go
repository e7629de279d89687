package evade

import "slices"

// Few picks some attempts of each row that are over quickly, spread over the row, and the same ones each time; but
// none with tunnels, whose other end not every user can make.
func Few(ofEachRow int) func(*Attempt) bool {
	names := map[string][]string{}
	for _, a := range All() {
		if !a.Slow && !a.Tunnel {
			names[a.Row] = append(names[a.Row], a.Name)
		}
	}
	type name struct{ row, name string }
	few := map[name]bool{}
	for row, all := range names {
		slices.Sort(all)
		all = slices.Compact(all)
		n := min(ofEachRow, len(all))
		for i := range n {
			few[name{row, all[i*len(all)/n]}] = true
		}
	}
	return func(a *Attempt) bool { return few[name{a.Row, a.Name}] }
}
