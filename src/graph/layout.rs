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

const LANE_PADDING: f64 = 14.0;
const LANE_GAP: f64 = 10.0;
const BOX_MARGIN: f64 = 7.0;
const SLOT_MARGIN: f64 = 4.5;
/// How often layers are gone through, to order them and to move rows. Orders settle within a few.
const ORDER_SWEEPS: usize = 8;
const ROW_SWEEPS: usize = 24;
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

/// Boxes and slots of trunks, linked from each layer to the next.
struct Net {
    /// Boxes in the order of the items, then the slots of trunks.
    slots: Vec<Slot>,
    /// By layer and rank of the lane, from top to bottom.
    cells: BTreeMap<(usize, usize), Vec<usize>>,
    /// The first slot and the length of each box's trunk.
    trunks: Vec<(usize, usize)>,
    layers: usize,
}

struct Slot {
    layer: usize,
    lane: usize,
    /// How far it reaches above and below `y`, without its margin.
    up: f64,
    down: f64,
    margin: f64,
    is_trunk: bool,
    ins: Vec<usize>,
    outs: Vec<usize>,
    y: f64,
}

impl Net {
    fn new(items: &[Item], edges: &[(usize, usize)], lane_rank: &[usize], measures: Measures) -> Net {
        let used: BTreeSet<usize> = items.iter().map(|item| item.layer).collect();
        let layers: BTreeMap<usize, usize> = used.into_iter().enumerate().map(|(at, layer)| (layer, at)).collect();
        let up = measures.head / 2.0;
        let slot = |item: &Item| Slot {
            layer: layers[&item.layer],
            lane: lane_rank[item.lane],
            up,
            down: item.height - up,
            margin: BOX_MARGIN,
            is_trunk: false,
            ins: Vec::new(),
            outs: Vec::new(),
            y: 0.0,
        };
        let mut slots: Vec<Slot> = items.iter().map(slot).collect();
        let mut trunks = vec![(0, 0); items.len()];
        for (from, to) in edges {
            let length = slots[*to].layer.saturating_sub(slots[*from].layer + 1);
            trunks[*from].1 = trunks[*from].1.max(length);
        }
        // Long trunks of a deep graph could add up to more than all else; the longest are left out then.
        let mut room = 4 * (items.len() + edges.len());
        let mut by_length: Vec<usize> = (0..items.len()).collect();
        by_length.sort_by_key(|item| trunks[*item].1);
        for item in by_length {
            let length = trunks[item].1;
            if length > room {
                trunks[item].1 = 0;
                continue;
            }
            room -= length;
            trunks[item].0 = slots.len();
            let (layer, lane) = (slots[item].layer, slots[item].lane);
            let mut previous = item;
            for step in 1..=length {
                let (next, ins, layer) = (slots.len(), vec![previous], layer + step);
                slots[previous].outs.push(next);
                let (up, down, margin) = (0.0, 0.0, SLOT_MARGIN);
                slots.push(Slot { layer, lane, up, down, margin, is_trunk: true, ins, outs: Vec::new(), y: 0.0 });
                previous = next;
            }
        }
        let mut cells: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (at, slot) in slots.iter().enumerate() {
            cells.entry((slot.layer, slot.lane)).or_default().push(at);
        }
        let mut net = Net { slots, cells, trunks, layers: layers.len() };
        for (from, to) in edges {
            if let Some(last) = net.trunk(*from, *to).map(|trunk| trunk.last().unwrap_or(*from)) {
                net.slots[last].outs.push(*to);
                net.slots[*to].ins.push(last);
            }
        }
        net
    }

    /// The slots that an edge passes; `None` where it passes layers without slots, or goes back.
    fn trunk(&self, from: usize, to: usize) -> Option<std::ops::Range<usize>> {
        let passed = self.slots[to].layer.checked_sub(self.slots[from].layer + 1)?;
        let (first, length) = self.trunks[from];
        (passed <= length).then_some(first..first + passed)
    }

    /// Orders each cell by the mean place of its slots' neighbours, layer by layer, forth and back; keeps the best.
    fn reduce_crossings(&mut self) {
        let mut best = (self.crossings(), self.cells.clone());
        let mut best_sweep = 0;
        for sweep in 0..ORDER_SWEEPS {
            if best.0 == 0 || sweep > best_sweep + 2 {
                break;
            }
            let forth = sweep % 2 == 0;
            let mut places = self.places();
            let mut keys: Vec<(usize, usize)> = self.cells.keys().copied().collect();
            if !forth {
                keys.reverse();
            }
            for key in keys {
                let mut cell = self.cells[&key].clone();
                let slots = &self.slots;
                let mean = |slot: usize| {
                    let neighbours = if forth { &slots[slot].ins } else { &slots[slot].outs };
                    let sum: f64 = neighbours.iter().map(|neighbour| places[*neighbour]).sum();
                    if neighbours.is_empty() { places[slot] } else { sum / neighbours.len() as f64 }
                };
                let mut means: Vec<(f64, usize)> = cell.iter().map(|slot| (mean(*slot), *slot)).collect();
                // Boxes are numbered by name, so ties go by name.
                means.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                cell.clear();
                cell.extend(means.into_iter().map(|(_, slot)| slot));
                for (at, slot) in cell.iter().enumerate() {
                    places[*slot] = place(key.1, at, cell.len());
                }
                self.cells.insert(key, cell);
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.cells.clone());
                best_sweep = sweep;
            }
        }
        self.cells = best.1;
    }

    fn places(&self) -> Vec<f64> {
        let mut places = vec![0.0; self.slots.len()];
        for ((_, lane), cell) in &self.cells {
            for (at, slot) in cell.iter().enumerate() {
                places[*slot] = place(*lane, at, cell.len());
            }
        }
        places
    }

    /// How many pairs of links cross. Links of neighbouring layers cross when their ends are in opposite orders, so
    /// this counts inversions, with a Fenwick tree (Barth, Jünger and Mutzel, "Simple and Efficient Bilayer Cross
    /// Counting", 2002).
    fn crossings(&self) -> usize {
        // Places from top to bottom in each layer, counted over all layers.
        let mut number = vec![0; self.slots.len()];
        let ordered: Vec<usize> = self.cells.values().flatten().copied().collect();
        let mut first_of_layer = vec![ordered.len(); self.layers + 1];
        for (at, slot) in ordered.iter().enumerate() {
            number[*slot] = at;
            let first = &mut first_of_layer[self.slots[*slot].layer];
            *first = at.min(*first);
        }
        let mut crossings = 0;
        for layer in 0..self.layers.saturating_sub(1) {
            let (start, end) = (first_of_layer[layer + 1], first_of_layer[layer + 2]);
            let mut tree = vec![0usize; end - start + 1];
            let mut seen = 0;
            for slot in &ordered[first_of_layer[layer]..start] {
                let outs = self.slots[*slot].outs.iter().filter(|out| self.slots[**out].layer == layer + 1);
                let mut ends: Vec<usize> = outs.map(|out| number[*out] - start + 1).collect();
                ends.sort_unstable();
                for end in &ends {
                    let mut at = *end;
                    let mut not_below = 0;
                    while at > 0 {
                        not_below += tree[at];
                        at &= at - 1;
                    }
                    crossings += seen - not_below;
                }
                seen += ends.len();
                for end in ends {
                    let mut at = end;
                    while at < tree.len() {
                        tree[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                }
            }
        }
        crossings
    }

    /// The top and height of each lane, by rank.
    fn place_lanes(&self, count: usize, measures: Measures) -> Vec<(f64, f64)> {
        let mut heights = vec![measures.lane; count];
        for ((_, lane), cell) in &self.cells {
            let height: f64 = cell.iter().map(|slot| self.slots[*slot].height()).sum();
            heights[*lane] = heights[*lane].max(height - 2.0 * BOX_MARGIN + 2.0 * LANE_PADDING);
        }
        let mut top = measures.top;
        let place = |height: f64| {
            let lane = (top, height);
            top += height + LANE_GAP;
            lane
        };
        heights.into_iter().map(place).collect()
    }

    /// Moves slots up and down in their cells to where their lines are short and straight.
    fn place_rows(&mut self, lanes: &[(f64, f64)]) {
        for slot in &mut self.slots {
            let (top, height) = lanes[slot.lane];
            slot.y = top + height / 2.0;
        }
        let keys: Vec<(usize, usize)> = self.cells.keys().copied().collect();
        for sweep in 0..ROW_SWEEPS {
            let (forth, last) = (sweep % 2 == 0, 2 * sweep >= ROW_SWEEPS);
            let mut moved = 0.0f64;
            for at in 0..keys.len() {
                let key = keys[if forth { at } else { keys.len() - 1 - at }];
                let cell = &self.cells[&key];
                let wishes: Vec<(f64, f64)> =
                    cell.iter().map(|slot| self.wish(*slot, forth || last, !forth || last)).collect();
                for (slot, y) in self.settle(cell, &wishes, lanes[key.1]).into_iter().enumerate() {
                    let slot = &mut self.slots[cell[slot]];
                    moved = moved.max((slot.y - y).abs());
                    slot.y = y;
                }
            }
            if last && moved < 0.1 {
                break;
            }
        }
    }

    /// Where a slot would stand if it were alone, and how much it matters. Lines to other lanes bend anyway; a trunk
    /// that bends is the ugliest.
    fn wish(&self, slot: usize, ins: bool, outs: bool) -> (f64, f64) {
        let this = &self.slots[slot];
        let (mut sum, mut weights) = (0.0, 0.0);
        let neighbours = this.ins.iter().filter(|_| ins).chain(this.outs.iter().filter(|_| outs));
        for neighbour in neighbours {
            let other = &self.slots[*neighbour];
            let weight = match (other.lane == this.lane, this.is_trunk, other.is_trunk) {
                (false, _, _) => 0.02,
                (true, false, false) => 1.0,
                (true, true, true) => 8.0,
                (true, _, _) => 2.0,
            };
            sum += weight * other.y;
            weights += weight;
        }
        if weights > 0.0 { (sum / weights, weights) } else { (this.y, 0.01) }
    }

    /// The rows nearest to the wishes, by weighted squares, that keep order and distances: isotonic regression by
    /// pooling adjacent violators, after taking off the distances.
    fn settle(&self, cell: &[usize], wishes: &[(f64, f64)], lane: (f64, f64)) -> Vec<f64> {
        let slots: Vec<&Slot> = cell.iter().map(|slot| &self.slots[*slot]).collect();
        let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Vec::new() };
        let mut offsets = vec![0.0];
        for pair in slots.windows(2) {
            let distance = pair[0].down + pair[0].margin + pair[1].margin + pair[1].up;
            offsets.push(offsets[offsets.len() - 1] + distance);
        }
        let mut pools: Vec<(f64, f64, usize)> = Vec::new();
        for ((wish, weight), offset) in wishes.iter().zip(&offsets) {
            let mut pool = (wish - offset, *weight, 1);
            while let Some(above) = pools.pop_if(|above| above.0 > pool.0) {
                let weight = above.1 + pool.1;
                pool = ((above.0 * above.1 + pool.0 * pool.1) / weight, weight, above.2 + pool.2);
            }
            pools.push(pool);
        }
        let least = lane.0 + LANE_PADDING + first.up + first.margin - BOX_MARGIN;
        let most = lane.0 + lane.1 - LANE_PADDING - last.down - last.margin + BOX_MARGIN - offsets[offsets.len() - 1];
        let rows = pools.into_iter().flat_map(|(row, _, count)| std::iter::repeat_n(row, count));
        rows.zip(offsets).map(|(row, offset)| row.min(most).max(least) + offset).collect()
    }
}

impl Slot {
    fn height(&self) -> f64 {
        self.up + self.down + 2.0 * self.margin
    }
}

fn place(lane: usize, at: usize, count: usize) -> f64 {
    lane as f64 + (at as f64 + 0.5) / count as f64
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
