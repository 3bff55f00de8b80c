//! The layers of a drawing: what stands in each cell, in which order, and how high.

use super::layout::{Item, Measures};
use std::collections::{BTreeMap, BTreeSet};

const LANE_PADDING: f64 = 14.0;
const LANE_GAP: f64 = 10.0;
const BOX_MARGIN: f64 = 7.0;
const SLOT_MARGIN: f64 = 4.5;
/// How often layers are gone through, to order them and to move rows. Orders settle within a few.
const ORDER_SWEEPS: usize = 8;
const ROW_SWEEPS: usize = 24;

/// Boxes and slots of trunks, linked from each layer to the next.
pub struct Net {
    /// Boxes in the order of the items, then the slots of trunks.
    pub slots: Vec<Slot>,
    /// By layer and rank of the lane, from top to bottom.
    cells: BTreeMap<(usize, usize), Vec<usize>>,
    /// The first slot and the length of each box's trunk.
    trunks: Vec<(usize, usize)>,
    pub layers: usize,
}

pub struct Slot {
    pub layer: usize,
    pub lane: usize,
    /// How far it reaches above and below `y`, without its margin.
    pub up: f64,
    down: f64,
    margin: f64,
    is_trunk: bool,
    ins: Vec<usize>,
    pub outs: Vec<usize>,
    pub y: f64,
}

impl Net {
    pub fn new(items: &[Item], edges: &[(usize, usize)], lane_rank: &[usize], measures: Measures) -> Net {
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
    pub fn trunk(&self, from: usize, to: usize) -> Option<std::ops::Range<usize>> {
        let passed = self.slots[to].layer.checked_sub(self.slots[from].layer + 1)?;
        let (first, length) = self.trunks[from];
        (passed <= length).then_some(first..first + passed)
    }

    /// Orders each cell by the mean place of its slots' neighbours, layer by layer, forth and back; keeps the best.
    pub fn reduce_crossings(&mut self) {
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
    pub fn place_lanes(&self, count: usize, measures: Measures) -> Vec<(f64, f64)> {
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
    pub fn place_rows(&mut self, lanes: &[(f64, f64)]) {
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
