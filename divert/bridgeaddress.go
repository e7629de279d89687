package divert

import (
	"fmt"
	"strconv"
	"strings"
)

// A bridgeAddress is what "bridge:IF1,IF2" names: two interfaces, and one lane of several between them.
type bridgeAddress struct {
	ports [2]string
	lane  int // [0, lanes)
	lanes int // at least 1
}

// parseBridge reads what follows "bridge:": IF1,IF2, or a lane of several, IF1,IF2/2of4.
func parseBridge(rest string) (a bridgeAddress, err error) {
	names, which, several := strings.Cut(rest, "/")
	if a.ports[0], a.ports[1], err = bridgePorts(names); err != nil {
		return a, err
	}
	if a.lanes = 1; !several {
		return a, nil
	}
	lane, of, found := strings.Cut(which, "of")
	if !found {
		return a, fmt.Errorf("%q is several lanes, each of which is a socket of its own (divert.Lanes names them)", rest)
	}
	if a.lanes, err = laneCount(of); err != nil {
		return a, err
	}
	n, err := strconv.ParseUint(lane, 10, 8)
	if err != nil || n < 1 || int(n) > a.lanes {
		return a, fmt.Errorf("%q is no lane of %d (write 1of%d to %dof%d)", lane, a.lanes, a.lanes, a.lanes, a.lanes)
	}
	a.lane = int(n) - 1
	return a, nil
}

func bridgePorts(names string) (first, second string, err error) {
	first, second, _ = strings.Cut(names, ",")
	switch {
	case first == "" || second == "" || strings.Contains(second, ","):
		return "", "", fmt.Errorf("%q are not two interfaces (write bridge:eth0,eth1)", names)
	case first == second:
		return "", "", fmt.Errorf("%s is named twice: a bridge has two ends (write bridge:eth0,eth1)", first)
	}
	return first, second, nil
}

func laneCount(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n < 1 || n > maxQueues {
		return 0, fmt.Errorf("%q is no number of lanes (write 1 to %d)", s, maxQueues)
	}
	return int(n), nil
}

// bridgeLanes is Lanes for what follows "bridge:".
func bridgeLanes(rest string) ([]string, error) {
	names, count, several := strings.Cut(rest, "/")
	if !several || strings.Contains(count, "of") {
		_, err := parseBridge(rest)
		return []string{"bridge:" + rest}, err
	}
	if _, _, err := bridgePorts(names); err != nil {
		return nil, err
	}
	n, err := laneCount(count)
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return []string{"bridge:" + names}, nil
	}
	lanes := make([]string, n)
	for i := range lanes {
		lanes[i] = fmt.Sprintf("bridge:%s/%dof%d", names, i+1, n)
	}
	return lanes, nil
}
