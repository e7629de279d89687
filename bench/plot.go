//go:build linux

package main

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// plotName is the file that document refers to.
const plotName = "results.svg"

// Sizes of the plot, in pixels.
const (
	plotNames = 128 // where the bars begin, right of the configurations' names
	plotCell  = 156 // from one column to the next
	plotBar   = 98  // the longest bar
	plotValue = 140 // where a value ends, right of all bars
	plotRow   = 18
	plotHead  = 62 // above a block's first row
)

// plotStyle has tones that are read on white and on black.
const plotStyle = `text { font: 11px sans-serif; fill: #7b8591; }
.title { font-size: 14px; font-weight: bold; }
.head { font-weight: bold; }
.right { text-anchor: end; }
.mark { stroke: #7b8591; stroke-dasharray: 2 3; }
.none { fill: #8f99a5; } .peer { fill: #d07a2d; } .library { fill: #1f9e8a; } .weir { fill: #3f85f5; }`

// kinds are the colours, in the order of the legend.
var kinds = [][2]string{{"none", "no divert"}, {"peer", "other programs"}, {"library", "Weir's packages alone"}, {"weir", "Weir, the whole daemon"}}

// kind is the colour of a configuration.
func (c config) kind() string {
	switch {
	case c.name == "none":
		return "none"
	case strings.HasPrefix(c.name, "weir"):
		return "weir"
	case strings.HasPrefix(c.name, "divert"), strings.HasPrefix(c.name, lanes), c.name == "relay":
		return "library"
	}
	return "peer"
}

// A block is columns side by side, with the configurations as rows.
type block struct {
	title string
	cols  []column
	units bool // the columns' units are those of the values
	rows  []config
	value func(name, metric string) float64
	mark  string // the configuration at whose values dashed lines are drawn
}

// A plotter draws blocks one above the other.
type plotter struct {
	bytes.Buffer
	y int
}

// plot draws the medians as SVG: speeds by their ratio to no divert, costs as they are.
func (r *results) plot() []byte {
	none := r.configs[0].name
	p := &plotter{}
	p.legend()
	p.block(block{title: "Ratio to no divert (dashed): longer is better", cols: speeds, rows: r.configs, mark: none, value: func(name, metric string) float64 {
		return r.ratio(name, none, metric)
	}})
	p.block(block{title: "Cost: shorter is better; dashed: the tuned C loop", cols: costs, units: true, rows: r.configs[1:], mark: "c", value: r.median})
	var out bytes.Buffer
	width := plotNames + plotCell*max(len(speeds), len(costs))
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">`+"\n<style>%s</style>\n",
		width, p.y, width, p.y, plotStyle)
	out.Write(p.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (p *plotter) legend() {
	x := plotNames
	for _, k := range kinds {
		fmt.Fprintf(p, `<rect class="%s" x="%d" y="8" width="12" height="12" rx="2"/>`+"\n", k[0], x)
		p.text("", x+18, 18, k[1])
		x += plotCell
	}
	p.y = 24
}

func (p *plotter) block(b block) {
	p.text("title", plotNames, p.y+24, b.title)
	top := p.y + plotHead
	for i, c := range b.rows {
		p.text("right", plotNames-8, top+i*plotRow+12, c.name)
	}
	for i, col := range b.cols {
		x := plotNames + i*plotCell
		heading, below, _ := strings.Cut(col.heading, ", ")
		if b.units {
			below = strings.TrimPrefix(below+", "+col.unit, ", ")
		}
		p.text("head", x, p.y+42, heading)
		p.text("", x, p.y+55, below)
		p.column(b, x, top, col.metric)
	}
	p.y = top + len(b.rows)*plotRow + 8
}

// column draws one metric. What was not measured has no bar.
func (p *plotter) column(b block, x, top int, metric string) {
	longest := 0.0
	for _, c := range b.rows {
		longest = max(longest, b.value(c.name, metric))
	}
	for i, c := range b.rows {
		if v := b.value(c.name, metric); v > 0 {
			y := top + i*plotRow
			fmt.Fprintf(p, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n", c.kind(), x, y+2, v/longest*plotBar, plotRow-5)
			p.text("right", x+plotValue, y+12, fmt.Sprintf("%.*f", decimals(v), v))
		}
	}
	if m := b.value(b.mark, metric); m > 0 {
		at := float64(x) + m/longest*plotBar
		fmt.Fprintf(p, `<line class="mark" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, top, at, top+len(b.rows)*plotRow)
	}
}

func (p *plotter) text(class string, x, y int, s string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(p, `<text%s x="%d" y="%d">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}
