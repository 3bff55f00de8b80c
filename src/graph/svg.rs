//! Drawings as SVG: what boxes, lanes and lines look like. Where they stand is `layout`'s business.
//!
//! The picture brings its own background and needs no script, so it can stand in a README on light and dark pages.

use super::draw::{Drawing, Node, NodeKind, printable};
use super::layout::{Curve, Item, Layout, Measures, Point, Rectangle, Route, layout};
use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const MARGIN: f64 = 16.0;
const HEAD: f64 = 34.0;
const ROW: f64 = 16.0;
const NAME_SIZE: f64 = 13.0;
const SMALL_SIZE: f64 = 10.5;
/// Longer texts are cut; pointing at the box shows them whole.
const NAME_LENGTH: usize = 40;
const SMALL_LENGTH: usize = 30;
/// Wide enough for all that `Canvas::legend` writes.
const LEGEND_WIDTH: f64 = 640.0;
/// How far the lanes reach to the right of the last box.
const LANE_END: f64 = 18.0;

/// The drawing as a picture: depth from left to right, a lane for each domain.
pub fn svg(drawing: &Drawing) -> String {
    if drawing.nodes.is_empty() {
        return empty();
    }
    let domains = drawing.domains();
    let mut items = vec![Item { lane: 0, layer: 0, width: 0.0, height: 0.0 }; drawing.nodes.len()];
    let mut labels = Vec::new();
    for (lane, (domain, nodes)) in domains.iter().enumerate() {
        for at in nodes {
            let node = &drawing.nodes[*at];
            items[*at] = Item { lane, layer: node.depth, width: width_of(node), height: height_of(node) };
        }
        let owner = nodes.iter().find_map(|at| drawing.nodes[*at].owner.as_deref());
        labels.push(LaneLabel::new(domain, owner));
    }
    let edges = drawing.edge_indices();
    let label_width = labels.iter().map(LaneLabel::width).fold(0.0, f64::max);
    let label_height = labels.iter().map(LaneLabel::height).fold(0.0, f64::max);
    let measures =
        Measures { left: MARGIN + 14.0 + label_width + 26.0, top: MARGIN, head: HEAD, lane: label_height + 20.0 };
    let layout = layout(&items, &edges, measures);

    let mut canvas = Canvas::default();
    let width = (layout.right + LANE_END + MARGIN).max(MARGIN + LEGEND_WIDTH + MARGIN);
    let height = layout.bottom + 44.0;
    let lane_width = width - 2.0 * MARGIN;
    for (lane, ((top, height), label)) in layout.lanes.iter().zip(&labels).enumerate() {
        canvas.lane(lane, Rectangle { x: MARGIN, y: *top, width: lane_width, height: *height }, label);
    }
    canvas.edges(drawing, &edges, &layout);
    for (node, rectangle) in drawing.nodes.iter().zip(&layout.boxes) {
        canvas.node(node, *rectangle);
    }
    canvas.legend(layout.bottom + 24.0);
    canvas.finish(width, height)
}

fn empty() -> String {
    let mut canvas = Canvas::default();
    canvas.text("class=\"owner\" text-anchor=\"middle\"", 120.0, 40.0, "no declarations");
    canvas.finish(240.0, 72.0)
}

/// What stands at the left end of a lane.
struct LaneLabel {
    domain: String,
    owner: Vec<String>,
}

impl LaneLabel {
    fn new(domain: &str, owner: Option<&str>) -> LaneLabel {
        // An address is long for where it stands, and reads well in two lines.
        let lines = owner.map_or(Vec::new(), |owner| match owner.split_once('@') {
            Some((name, host)) => vec![name.to_owned(), format!("@{host}")],
            None => vec![owner.to_owned()],
        });
        let owner = lines.iter().map(|line| cut(line, SMALL_LENGTH)).collect();
        LaneLabel { domain: cut(domain, NAME_LENGTH), owner }
    }

    fn width(&self) -> f64 {
        let owner = self.owner.iter().map(|line| text_width(line, SMALL_SIZE)).fold(0.0, f64::max);
        // Bold letters are a little wider.
        (1.06 * text_width(&self.domain, NAME_SIZE)).max(owner)
    }

    fn height(&self) -> f64 {
        NAME_SIZE + 14.0 * self.owner.len() as f64
    }
}

/// Writes the elements of the picture.
#[derive(Default)]
struct Canvas {
    out: String,
}

impl Canvas {
    fn lane(&mut self, lane: usize, rectangle: Rectangle, label: &LaneLabel) {
        let tint = LANE_TINTS[lane % LANE_TINTS.len()];
        self.rectangle(&format!("class=\"lane\" fill=\"{tint}\""), rectangle, 12.0);
        let x = rectangle.x + 14.0;
        let mut y = rectangle.y + (rectangle.height - label.height()) / 2.0 + 0.82 * NAME_SIZE;
        self.text("class=\"domain\"", x, y, &label.domain);
        for line in &label.owner {
            y += 14.0;
            self.text("class=\"owner\"", x, y, line);
        }
    }

    fn edges(&mut self, drawing: &Drawing, edges: &[(usize, usize)], layout: &Layout) {
        self.out.push_str("<g class=\"edges\" marker-end=\"url(#pie-arrow)\">\n");
        for ((from, to), route) in edges.iter().zip(&layout.routes) {
            let (from, to) = (&drawing.nodes[*from].name, &drawing.nodes[*to].name);
            let title = escape(&format!("{to} reads {from}"));
            let _ = writeln!(self.out, "<path d=\"{}\"><title>{title}</title></path>", path(route));
        }
        self.out.push_str("</g>\n");
    }

    fn node(&mut self, node: &Node, rectangle: Rectangle) {
        let visibility = if node.public { "public" } else { "private" };
        let _ = write!(self.out, "<g class=\"{} {visibility}\">", node.kind.as_str());
        let _ = writeln!(self.out, "<title>{}</title>", escape(&node.description()));
        self.rectangle("class=\"box\"", rectangle, 8.0);
        let Rectangle { x, y, width, .. } = rectangle;
        self.sign(icon(node.kind), x + 10.0, y + 10.0);
        self.text("class=\"name\"", x + 31.0, y + HEAD / 2.0 + 4.5, &cut(node.name.name(), NAME_LENGTH));
        if !node.public {
            self.sign("lock", x + width - 22.0, y + 10.0);
        }
        if !node.columns.is_empty() {
            let (y, right) = (y + HEAD, x + width);
            let _ = writeln!(self.out, "<path class=\"rule\" d=\"M{} {}H{}\"/>", n(x), n(y), n(right));
        }
        for (row, (name, data_type)) in node.columns.iter().enumerate() {
            let y = y + HEAD + ROW * row as f64 + 15.0;
            self.text("class=\"column\"", x + 12.0, y, &cut(name, SMALL_LENGTH));
            self.text("class=\"type\" text-anchor=\"end\"", x + width - 12.0, y, &cut(data_type, SMALL_LENGTH));
        }
        self.out.push_str("</g>\n");
    }

    /// Explains colours and signs, in one row.
    fn legend(&mut self, y: f64) {
        let entries = [
            (Some(NodeKind::Source), "source, frozen"),
            (Some(NodeKind::Slice), "slice"),
            (Some(NodeKind::VirtualSlice), "virtual slice, not stored"),
            (None, "private to its domain"),
        ];
        let mut x = MARGIN + 2.0;
        for (kind, text) in entries {
            match kind {
                Some(kind) => {
                    let _ = writeln!(self.out, "<g class=\"{} public\">", kind.as_str());
                    let rectangle = Rectangle { x, y: y - 10.0, width: 24.0, height: 20.0 };
                    self.rectangle("class=\"box\"", rectangle, 6.0);
                    self.sign(icon(kind), x + 5.0, y - 7.0);
                    self.out.push_str("</g>\n");
                }
                None => self.sign("lock", x + 8.0, y - 7.0),
            }
            self.text("class=\"owner\"", x + 31.0, y + 3.5, text);
            x += 31.0 + 0.85 * text_width(text, SMALL_SIZE) + 18.0;
        }
        let arrow = format!("M{} {}H{}", n(x), n(y), n(x + 26.0));
        let _ = writeln!(self.out, "<g class=\"edges\" marker-end=\"url(#pie-arrow)\"><path d=\"{arrow}\"/></g>");
        self.text("class=\"owner\"", x + 34.0, y + 3.5, "is read by");
    }

    fn rectangle(&mut self, attributes: &str, rectangle: Rectangle, radius: f64) {
        let Rectangle { x, y, width, height } = rectangle;
        let (x, y, width, height) = (n(x), n(y), n(width), n(height));
        let _ = writeln!(
            self.out,
            "<rect {attributes} x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{radius}\"/>"
        );
    }

    fn sign(&mut self, name: &str, x: f64, y: f64) {
        let _ = writeln!(self.out, "<use href=\"#pie-{name}\" x=\"{}\" y=\"{}\"/>", n(x), n(y));
    }

    fn text(&mut self, attributes: &str, x: f64, y: f64, text: &str) {
        let _ = writeln!(self.out, "<text {attributes} x=\"{}\" y=\"{}\">{}</text>", n(x), n(y), escape(text));
    }

    fn finish(self, width: f64, height: f64) -> String {
        let (width, height) = (n(width.ceil()), n(height.ceil()));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" class=\"icepie\" role=\"img\" aria-label=\"Sources and slices\">\n\
             {STYLE}{SIGNS}\
             <rect class=\"page\" width=\"{width}\" height=\"{height}\" rx=\"14\"/>\n\
             {}</svg>\n",
            self.out
        )
    }
}

fn width_of(node: &Node) -> f64 {
    let name =
        31.0 + text_width(&cut(node.name.name(), NAME_LENGTH), NAME_SIZE) + if node.public { 14.0 } else { 28.0 };
    let row = |(name, data_type): &(String, String)| {
        let width = |text: &str| text_width(&cut(text, SMALL_LENGTH), SMALL_SIZE);
        12.0 + width(name) + 16.0 + width(data_type) + 12.0
    };
    node.columns.iter().map(row).fold(name, f64::max).ceil()
}

fn height_of(node: &Node) -> f64 {
    if node.columns.is_empty() { HEAD } else { HEAD + ROW * node.columns.len() as f64 + 8.0 }
}

/// An estimate, on the wide side: which font a reader has is not known here.
fn text_width(text: &str, size: f64) -> f64 {
    0.58 * size * text.width() as f64
}

fn cut(text: &str, length: usize) -> String {
    let text: String = text.chars().map(printable).collect();
    if text.width() <= length {
        return text;
    }
    let mut width = 1;
    let fits = |character: &char| {
        width += character.width().unwrap_or(0);
        width <= length
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

fn icon(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Source => "flake",
        NodeKind::Slice | NodeKind::VirtualSlice => "slice",
    }
}

fn path(route: &Route) -> String {
    let mut path = String::new();
    match route {
        Route::Forward(curves) => {
            for (at, Curve { from, to, turn }) in curves.iter().enumerate() {
                let _ = write!(path, "{}{} {}", if at == 0 { 'M' } else { 'L' }, n(from.x), n(from.y));
                let turn = from.x + (to.x - from.x) * turn;
                curve(&mut path, Point { x: turn, ..*from }, Point { x: turn, ..*to }, *to);
            }
        }
        Route::Back(from, to) => {
            // Out to the right, over the boxes, and in from the left.
            let over = Point { x: (from.x + to.x) / 2.0, y: from.y.min(to.y) - HEAD / 2.0 - 6.0 };
            let reach = 26.0;
            let _ = write!(path, "M{} {}", n(from.x), n(from.y));
            curve(&mut path, Point { x: from.x + reach, ..*from }, Point { x: from.x + reach, ..over }, over);
            curve(&mut path, Point { x: to.x - reach, ..over }, Point { x: to.x - reach, ..*to }, *to);
        }
    }
    path
}

fn curve(path: &mut String, first: Point, second: Point, to: Point) {
    let _ = write!(path, "C{} {} {} {} {} {}", n(first.x), n(first.y), n(second.x), n(second.y), n(to.x), n(to.y));
}

/// A coordinate, to a tenth of a pixel.
fn n(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    let (sign, tenths) = (if tenths < 0 { "-" } else { "" }, tenths.unsigned_abs());
    match tenths % 10 {
        0 => format!("{sign}{}", tenths / 10),
        tenth => format!("{sign}{}.{tenth}", tenths / 10),
    }
}

/// Text between tags or in an attribute. Line ends stay: a title shows them.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push('\n'),
            other => out.push(printable(other)),
        }
    }
    out
}

const LANE_TINTS: [&str; 5] = ["#f5f7fa", "#f4f8f5", "#f8f6fa", "#f9f7f3", "#f3f8f9"];

const STYLE: &str = "<style>
.icepie text { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; }
.icepie .page { fill: #fff; }
.icepie .lane { stroke: #e3e8ee; }
.icepie .domain { font-size: 13px; font-weight: 600; fill: #364152; }
.icepie .owner { font-size: 10.5px; fill: #7b8794; }
.icepie .edges path { fill: none; stroke: #bcc5d0; stroke-width: 1.4; }
.icepie .edges path:hover { stroke: #e2933a; stroke-width: 2.2; }
.icepie .name { font-size: 13px; }
.icepie .column, .icepie .type { font-size: 10.5px; fill: #52606d; }
.icepie .type { fill: #8a96a3; }
.icepie .rule { stroke: #000; stroke-opacity: 0.08; }
.icepie .public .box { stroke-width: 1.8; }
.icepie .public .name { fill: #1f2933; font-weight: 500; }
.icepie .private .name { fill: #66727f; }
.icepie .source .box { fill: #e3f2fd; stroke: #5aa7dc; }
.icepie .slice .box { fill: #fff1de; stroke: #e8a04e; }
.icepie .virtual .box { fill: #fffbf5; stroke: #e8a04e; stroke-dasharray: 5 4; }
</style>
";

/// Signs are 14 wide and high. They are groups, not `<symbol>`s, which some viewers scale up; and they bring their
/// colours, as viewers disagree on which style rules reach into a `<use>`.
const SIGNS: &str = r##"<defs>
<marker id="pie-arrow" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">
<path fill="#9aa5b4" d="M0 0.8L7.5 4L0 7.2L1.6 4Z"/>
</marker>
<g id="pie-flake" fill="none" stroke="#3d8fc9" stroke-width="1.2" stroke-linecap="round" stroke-linejoin="round">
<path id="pie-axis" d="M7 0.6V13.4M5.2 1.6L7 3.4L8.8 1.6M5.2 12.4L7 10.6L8.8 12.4"/>
<use href="#pie-axis" transform="rotate(60 7 7)"/><use href="#pie-axis" transform="rotate(-60 7 7)"/>
</g>
<g id="pie-slice" stroke-width="1.1" stroke-linecap="round" stroke-linejoin="round">
<path fill="#fbd59b" stroke="#dd8f2f" d="M7 13.2L1.6 4.2Q7 1.4 12.4 4.2Z"/>
<path fill="none" stroke="#c97a1c" stroke-width="2" d="M1.2 3.6Q7 0.2 12.8 3.6"/>
</g>
<g id="pie-lock" fill="#a4aeba">
<rect x="3" y="6.4" width="8" height="5.8" rx="1.4"/>
<path fill="none" stroke="#a4aeba" stroke-width="1.4" d="M4.8 6.4V4.6a2.2 2.2 0 0 1 4.4 0V6.4"/>
</g>
</defs>
"##;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::draw::tests::{drawing, hostile, small};

    #[test]
    fn text_never_becomes_markup() {
        let svg = svg(&hostile());
        assert!(svg.contains(">&lt;b&gt;&amp;amp;&lt;/b&gt;</text>"), "{svg}");
        for rest in svg.split('<').skip(1) {
            let tag: String = rest.trim_start_matches('/').chars().take_while(char::is_ascii_alphabetic).collect();
            let known = ["svg", "style", "defs", "marker", "path", "g", "use", "rect", "text", "title"];
            assert!(known.contains(&tag.as_str()), "<{tag}>");
        }
        for rest in svg.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|entity| rest.starts_with(entity)), "&{rest:.9}");
        }
        assert!(!svg.chars().any(|character| character.is_control() && character != '\n'));
    }

    #[test]
    fn each_box_says_what_it_is_when_pointed_at() {
        let svg = svg(&small());
        assert!(svg.contains("<title>payments.legs: private slice\nOwner: team@example.com</title>"), "{svg}");
        assert!(svg.contains("<title>payments.legs reads payments.transfers</title>"), "{svg}");
    }

    #[test]
    fn nothing_one_node_and_a_cycle_are_pictures_too() {
        let cycle = drawing(&["a.x@0", "a.y@0"], &[("a.x", "a.y"), ("a.y", "a.x"), ("a.x", "a.x")]);
        for drawing in [Drawing::default(), drawing(&["a.x@0"], &[]), cycle] {
            let svg = svg(&drawing);
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
        }
        assert!(svg(&Drawing::default()).contains("no declarations"));
    }

    #[test]
    fn long_texts_are_cut_to_the_width_they_take() {
        assert_eq!(cut("transfers", 9), "transfers");
        assert_eq!(cut("transfers", 8), "transfe…");
        assert_eq!(cut("数据数据", 6), "数据…");
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([n(1.0), n(1.25), n(-0.04), n(-3.5)], ["1", "1.3", "0", "-3.5"]);
    }
}
