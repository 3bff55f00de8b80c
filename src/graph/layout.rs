//! Where things stand in a drawing: geometry only; names, text and colours are unknown here.
//!
//! The layered method of Sugiyama, Tagawa and Toda ("Methods for Visual Understanding of Hierarchical System
//! Structures", 1981), with swim lanes: layers go left to right, each lane is a row of cells, one a layer, and a box
//! never leaves its cell.
//!
//! ```text
//!          layer 0      layer 1      layer 2
//! lane 0   [a]──┬──────▶[b]─────────▶[c]
//!               └───────────┐                  the slot of a's trunk, in a's lane
//! lane 1                    └───────▶[d]
//! ```
//!
//! A line that passes layers does so through slots of its own, which stand in line with the boxes, and it changes lanes
//! only between two layers: so no line runs over a box. All lines of one box share their slots, its trunk.

use super::layers::Net;
use std::collections::{BTreeMap, BTreeSet};

/// A box to place.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Lanes count from 0, in the order that ties are broken by.
    pub lane: usize,
    /// Layers may have gaps; these take no room.
    pub layer: usize,
    pub width: f64,
    pub height: f64,
}

/// The measures of a drawing.
#[derive(Clone, Copy, Debug)]
pub struct Measures {
    /// Left of the first layer.
    pub left: f64,
    pub top: f64,
    /// The height of a box's head: lines end at its middle.
    pub head: f64,
    /// The least height of a lane.
    pub lane: f64,
}

/// Where everything stands.
#[derive(Clone, Default, Debug)]
pub struct Layout {
    /// One for each item.
    pub boxes: Vec<Rectangle>,
    /// The top and height of each lane.
    pub lanes: Vec<(f64, f64)>,
    /// One for each edge.
    pub routes: Vec<Route>,
    pub right: f64,
    pub bottom: f64,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// A line from the right side of a box to the left side of another.
#[derive(Clone, PartialEq, Debug)]
pub enum Route {
    /// Curves, each between two layers, with straight lines between them.
    Forward(Vec<Curve>),
    /// The reader doesn't stand to the right, as in a cycle.
    Back(Point, Point),
}

/// A curve that leaves and arrives level.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Curve {
    pub from: Point,
    pub to: Point,
    /// How far along the way it turns up or down, around 0.5.
    pub turn: f64,
}

/// How often lanes may change places with their neighbours.
const LANE_SWEEPS: usize = 16;

/// Places boxes and edges. Edges are pairs of indices into `items`. About linear in both.
pub fn layout(items: &[Item], edges: &[(usize, usize)], measures: Measures) -> Layout {
    if items.is_empty() {
        return Layout { right: measures.left, bottom: measures.top, ..Layout::default() };
    }
    let lane_rank = order_lanes(items, edges);
    let mut net = Net::new(items, edges, &lane_rank, measures);
    net.reduce_crossings();
    let lanes = net.place_lanes(lane_rank.len(), measures);
    net.place_rows(&lanes);
    let columns = place_columns(&net, items, measures.left);
    let boxes: Vec<Rectangle> = items
        .iter()
        .zip(&net.slots)
        .map(|(item, slot)| {
            let x = columns[slot.layer].0;
            Rectangle { x, y: slot.y - slot.up, width: columns[slot.layer].1, height: item.height }
        })
        .collect();
    let routes = route(&net, edges, &columns, measures.head);
    let right = columns.last().map_or(measures.left, |(x, width)| x + width);
    let bottom = lanes.last().map_or(measures.top, |(top, height)| top + height);
    Layout { boxes, lanes: lane_rank.iter().map(|rank| lanes[*rank]).collect(), routes, right, bottom }
}

/// The rank of each lane, so that lanes with many edges between them are near each other: neighbours change places as
/// long as that shortens the edges.
fn order_lanes(items: &[Item], edges: &[(usize, usize)]) -> Vec<usize> {
    let count = items.iter().map(|item| item.lane + 1).max().unwrap_or(0);
    let mut weights: Vec<BTreeMap<usize, i64>> = vec![BTreeMap::new(); count];
    for (from, to) in edges {
        let (from, to) = (items[*from].lane, items[*to].lane);
        if from != to {
            *weights[from].entry(to).or_default() += 1;
            *weights[to].entry(from).or_default() += 1;
        }
    }
    let mut order: Vec<usize> = (0..count).collect();
    let mut rank = order.clone();
    for _ in 0..LANE_SWEEPS {
        let mut changed = false;
        for upper in 0..count.saturating_sub(1) {
            let (a, b) = (order[upper], order[upper + 1]);
            // How much more is read or reads below than above.
            let pull = |lane: usize, other: usize| -> i64 {
                let others = weights[lane].iter().filter(|(neighbour, _)| **neighbour != other);
                others.map(|(neighbour, weight)| if rank[*neighbour] > upper { *weight } else { -weight }).sum()
            };
            if pull(a, b) > pull(b, a) {
                order.swap(upper, upper + 1);
                (rank[a], rank[b]) = (upper + 1, upper);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    rank
}

/// The left side and width of each layer. Where many lines change lanes, layers stand further apart.
fn place_columns(net: &Net, items: &[Item], left: f64) -> Vec<(f64, f64)> {
    let mut widths = vec![0.0f64; net.layers];
    for (item, slot) in items.iter().zip(&net.slots) {
        widths[slot.layer] = widths[slot.layer].max(item.width);
    }
    let mut bends = vec![0usize; net.layers];
    for slot in &net.slots {
        let bent = slot.outs.iter().any(|out| net.slots[*out].lane != slot.lane);
        bends[slot.layer] += usize::from(bent);
    }
    let mut x = left;
    let mut columns = Vec::new();
    for (width, bends) in widths.into_iter().zip(bends) {
        columns.push((x, width));
        x += width + (48.0 + 6.0 * bends as f64).min(120.0);
    }
    columns
}

/// The lines of the edges. Where trunks were left out, in huge and deep graphs, a line runs straight over the layers.
fn route(net: &Net, edges: &[(usize, usize)], columns: &[(f64, f64)], head: f64) -> Vec<Route> {
    let last = |from: usize, to: usize| net.trunk(from, to).and_then(|trunk| trunk.last()).unwrap_or(from);
    let mut entering: BTreeMap<usize, Vec<(f64, usize)>> = BTreeMap::new();
    for (at, (from, to)) in edges.iter().enumerate() {
        entering.entry(*to).or_default().push((net.slots[last(*from, *to)].y, at));
    }
    // Lines enter a box one below the other, in the order in which they come.
    let mut ends = vec![Point::default(); edges.len()];
    for (to, mut lines) in entering {
        lines.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let middle = (lines.len() - 1) as f64 / 2.0;
        let step = (0.6 * head / lines.len() as f64).min(7.0);
        let slot = &net.slots[to];
        for (row, (_, edge)) in lines.into_iter().enumerate() {
            ends[edge] = Point { x: columns[slot.layer].0, y: slot.y + step * (row as f64 - middle) };
        }
    }
    let right = |slot: usize| {
        let (x, width) = columns[net.slots[slot].layer];
        Point { x: x + width, y: net.slots[slot].y }
    };
    let route = |((from, to), end): (&(usize, usize), Point)| {
        if net.slots[*to].layer <= net.slots[*from].layer {
            return Route::Back(right(*from), end);
        }
        let mut curves = Vec::new();
        let mut start = right(*from);
        for slot in net.trunk(*from, *to).into_iter().flatten() {
            let to = Point { x: columns[net.slots[slot].layer].0, y: net.slots[slot].y };
            curves.push(Curve { from: start, to, turn: 0.5 });
            start = right(slot);
        }
        curves.push(Curve { from: start, to: end, turn: 0.5 });
        Route::Forward(curves)
    };
    let mut routes: Vec<Route> = edges.iter().zip(ends).map(route).collect();
    spread_turns(&mut routes);
    routes
}

/// Lets long ways up and down between the same layers turn one after the other, so that they don't lie on each other.
/// Of the ways up, what starts higher turns first, of the ways down, what starts lower: the others pass behind it.
fn spread_turns(routes: &mut [Route]) {
    const LONG: f64 = 40.0;
    let tenths = |value: f64| (10.0 * value).round() as i64;
    // The gap between layers with whether it leads up, and the place in the order; integers, as they are keys.
    let key = |curve: &Curve| {
        let rise = curve.from.y - curve.to.y;
        let up = rise > 0.0;
        (rise.abs() > LONG).then(|| ((tenths(curve.from.x), up), tenths(if up { curve.from.y } else { -curve.from.y })))
    };
    let mut starts: BTreeMap<(i64, bool), BTreeSet<i64>> = BTreeMap::new();
    for route in routes.iter() {
        if let Route::Forward(curves) = route {
            for (gap, start) in curves.iter().filter_map(key) {
                starts.entry(gap).or_default().insert(start);
            }
        }
    }
    let ranks: BTreeMap<(i64, bool), BTreeMap<i64, usize>> = starts
        .into_iter()
        .map(|(gap, starts)| (gap, starts.into_iter().enumerate().map(|(rank, start)| (start, rank)).collect()))
        .collect();
    for route in routes {
        if let Route::Forward(curves) = route {
            for curve in curves {
                if let Some((gap, start)) = key(curve) {
                    let ranks = &ranks[&gap];
                    let middle = (ranks.len() - 1) as f64 / 2.0;
                    let step = (0.5 / ranks.len() as f64).min(0.16);
                    curve.turn = 0.5 + step * (ranks[&start] as f64 - middle);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: Measures = Measures { left: 100.0, top: 16.0, head: 34.0, lane: 60.0 };

    /// A graph that looks random, in which each box but those of the first layer has up to four inputs.
    fn graph(boxes: usize, lanes: usize, layers: usize, mut seed: u64) -> (Vec<Item>, Vec<(usize, usize)>) {
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % below
        };
        let mut items = Vec::new();
        let mut edges = Vec::new();
        let mut earlier = 0;
        for at in 0..boxes {
            // Only even layers, so that there are gaps.
            let layer = 2 * (at * layers / boxes);
            if items.last().is_some_and(|item: &Item| item.layer < layer) {
                earlier = at;
            }
            let (width, height) = (60.0 + random(100) as f64, 34.0 + random(5) as f64 * 16.0);
            items.push(Item { lane: random(lanes), layer, width, height });
            if earlier > 0 {
                edges.extend((0..1 + random(4)).map(|_| (random(earlier), at)));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        (items, edges)
    }

    fn overlap(a: &Rectangle, b: &Rectangle) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    fn check(items: &[Item], edges: &[(usize, usize)]) {
        let layout = layout(items, edges, MEASURES);
        for (at, (item, a)) in items.iter().zip(&layout.boxes).enumerate() {
            assert!(a.width >= item.width && a.height == item.height);
            let (top, height) = layout.lanes[item.lane];
            assert!(a.y > top && a.y + a.height < top + height, "box {at} leaves its lane");
            assert!(a.x >= MEASURES.left && a.x + a.width <= layout.right);
            for b in &layout.boxes[at + 1..] {
                assert!(!overlap(a, b), "box {at} lies on another: {a:?} {b:?}");
            }
        }
        for ((from, to), route) in edges.iter().zip(&layout.routes) {
            let (from, to) = (layout.boxes[*from], layout.boxes[*to]);
            let (start, end) = match route {
                Route::Forward(curves) => (curves[0].from, curves[curves.len() - 1].to),
                Route::Back(start, end) => (*start, *end),
            };
            assert!(start.x == from.x + from.width && start.y > from.y && start.y < from.y + from.height);
            assert!(end.x == to.x && end.y > to.y && end.y < to.y + to.height);
            let Route::Forward(curves) = route else { continue };
            for curve in curves {
                let between = |a: &Rectangle| a.x < curve.to.x && curve.from.x < a.x + a.width;
                assert!(!layout.boxes.iter().any(between), "a curve stays between two layers");
                assert!(curve.turn > 0.2 && curve.turn < 0.8);
            }
            for pair in curves.windows(2) {
                let (start, end) = (pair[0].to, pair[1].from);
                let line = Rectangle { x: start.x, y: start.y, width: end.x - start.x, height: 0.1 };
                assert!(start.y == end.y && !layout.boxes.iter().any(|a| overlap(a, &line)), "a line runs over a box");
            }
        }
    }

    #[test]
    fn boxes_lie_apart_in_their_lanes_and_lines_run_between_them() {
        for seed in 1..20 {
            let (items, edges) = graph(1 + 7 * seed, 1 + seed % 6, 1 + seed % 7, seed as u64);
            check(&items, &edges);
        }
        check(&[], &[]);
    }

    #[test]
    fn cycles_are_drawn_too() {
        let item = |lane| Item { lane, layer: 0, width: 80.0, height: 34.0 };
        check(&[item(0), item(1)], &[(0, 0), (0, 1), (1, 0)]);
    }

    #[test]
    fn a_chain_in_one_lane_is_straight() {
        let items: Vec<Item> = (0..5).map(|layer| Item { lane: 0, layer, width: 80.0, height: 34.0 }).collect();
        let layout = layout(&items, &[(0, 1), (1, 2), (2, 3), (3, 4)], MEASURES);
        assert!(layout.boxes.iter().all(|rectangle| rectangle.y == layout.boxes[0].y), "{:?}", layout.boxes);
    }

    #[test]
    fn crossings_that_need_not_be_are_none() {
        // a → d, b → c: d must come above c.
        let item = |layer| Item { lane: 0, layer, width: 80.0, height: 34.0 };
        let layout = layout(&[item(0), item(0), item(1), item(1)], &[(0, 3), (1, 2)], MEASURES);
        let y: Vec<f64> = layout.boxes.iter().map(|rectangle| rectangle.y).collect();
        assert_eq!(y[0] < y[1], y[3] < y[2]);
    }

    #[test]
    fn lanes_stand_next_to_those_they_read() {
        // 0 – 2 – 1
        let item = |lane, layer| Item { lane, layer, width: 80.0, height: 34.0 };
        let layout = layout(&[item(0, 0), item(1, 2), item(2, 1)], &[(0, 2), (2, 1)], MEASURES);
        let mut order = [0, 1, 2];
        order.sort_by(|a, b| layout.lanes[*a].0.total_cmp(&layout.lanes[*b].0));
        assert_eq!(order[1], 2);
    }

    #[test]
    fn ten_thousand_boxes_finish() {
        for (lanes, layers) in [(40, 12), (1000, 5)] {
            let (mut items, edges) = graph(10_000, 1, layers, 7);
            for (at, item) in items.iter_mut().enumerate() {
                item.lane = at % lanes;
            }
            let layout = layout(&items, &edges, MEASURES);
            assert_eq!((layout.boxes.len(), layout.routes.len()), (items.len(), edges.len()));
            let points: usize = layout
                .routes
                .iter()
                .map(|route| match route {
                    Route::Forward(curves) => curves.len(),
                    Route::Back(..) => 1,
                })
                .sum();
            assert!(points < 1000 * items.len(), "{points}");
        }
    }
}
