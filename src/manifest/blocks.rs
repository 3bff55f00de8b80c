//! Digests of a file's blocks: whoever reads a part of a file knows that it is what was written without reading the rest.
//!
//! BLAKE3 is a tree. Its nodes over blocks of a power of two are kept, so that one pass gives both them and the digest of
//! the whole file (BLAKE3 paper, section 2.1; the idea is that of Bao).

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use std::ops::Range;

/// Bytes of a block; the last one of a file has what is left.
pub const BLOCK: u64 = 1 << 20;

/// The digests of a file: of all its bytes, and of its blocks where it has more than one. In hex.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digested {
    pub blake3: String,
    /// 64 digits a block, one after the other; empty for one block.
    pub blocks: String,
}

/// Digests bytes as they come.
#[derive(Debug, Default)]
pub struct BlockHasher {
    done: Vec<[u8; 32]>,
    open: blake3::Hasher,
    /// Bytes in `open`.
    length: u64,
}

impl BlockHasher {
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A full block is closed only when more comes: the only one is the root.
            if self.length == BLOCK {
                self.done.push(self.open.finalize_non_root());
                self.open = blake3::Hasher::new();
                self.open.set_input_offset(self.done.len() as u64 * BLOCK);
                self.length = 0;
            }
            let room = usize::try_from(BLOCK - self.length).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.update(now);
            self.length += now.len() as u64;
            bytes = later;
        }
    }

    pub fn finish(mut self) -> Digested {
        if self.done.is_empty() {
            return Digested { blake3: self.open.finalize().to_hex().to_string(), blocks: String::new() };
        }
        self.done.push(self.open.finalize_non_root());
        let (left, right) = self.done.split_at(left_of(self.done.len()));
        let root = merge_subtrees_root(&node(left), &node(right), Mode::Hash);
        Digested { blake3: root.to_hex().to_string(), blocks: self.done.iter().map(hex).collect() }
    }
}

/// How many of several blocks are in the left part of their tree.
fn left_of(blocks: usize) -> usize {
    blocks.div_ceil(2).next_power_of_two()
}

fn node(blocks: &[[u8; 32]]) -> [u8; 32] {
    match blocks {
        [one] => *one,
        _ => {
            let (left, right) = blocks.split_at(left_of(blocks.len()));
            merge_subtrees_non_root(&node(left), &node(right), Mode::Hash)
        }
    }
}

fn hex(digest: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

/// What a file's blocks must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocks {
    size: u64,
    digested: Digested,
}

impl Blocks {
    pub fn new(size: u64, digested: Digested) -> Blocks {
        Blocks { size, digested }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// The whole blocks around a range of bytes.
    pub fn around(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.div_ceil(BLOCK).saturating_mul(BLOCK).min(self.size);
        (range.start / BLOCK * BLOCK).min(end)..end
    }

    /// Whether bytes that begin at the start of a block are those that were written; they end where a block ends.
    pub fn hold(&self, start: u64, bytes: &[u8]) -> bool {
        if self.digested.blocks.is_empty() {
            return start == 0 && blake3::hash(bytes).to_hex().as_str() == self.digested.blake3;
        }
        let end = start.saturating_add(bytes.len() as u64);
        if !start.is_multiple_of(BLOCK) || end <= start || (end != self.size && !end.is_multiple_of(BLOCK)) {
            return false;
        }
        let mut offset = start;
        bytes.chunks(usize::try_from(BLOCK).unwrap_or(usize::MAX)).all(|block| {
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(offset);
            hasher.update(block);
            let place = usize::try_from(offset / BLOCK).unwrap_or(usize::MAX).saturating_mul(64);
            offset += BLOCK;
            self.digested.blocks.get(place..place.saturating_add(64)) == Some(&hex(&hasher.finalize_non_root()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: u64) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251) as u8).collect()
    }

    fn digested(bytes: &[u8], step: usize) -> Digested {
        let mut hasher = BlockHasher::default();
        bytes.chunks(step).for_each(|part| hasher.update(part));
        hasher.finish()
    }

    #[test]
    fn the_whole_digest_is_that_of_blake3() {
        for blocks in 0..6 {
            for more in [0, 1, 1023, 1025, BLOCK / 2 + 7] {
                let bytes = bytes(blocks * BLOCK + more);
                let found = digested(&bytes, 100_003);
                assert_eq!(found.blake3, blake3::hash(&bytes).to_hex().as_str(), "{blocks} blocks and {more} bytes");
                let number = usize::try_from((blocks * BLOCK + more).div_ceil(BLOCK)).expect("few blocks");
                assert_eq!(found.blocks.len(), if number > 1 { 64 * number } else { 0 });
            }
        }
    }

    #[test]
    fn parts_are_known_and_other_bytes_are_not() {
        for length in [10, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
            let bytes = bytes(length);
            let blocks = Blocks::new(length, digested(&bytes, 4096));
            for wanted in [0..1, length - 1..length, length / 2..length, 0..length] {
                let around = blocks.around(&wanted);
                assert!(around.start <= wanted.start && around.end >= wanted.end && around.end <= length);
                let mut part = bytes[around.start as usize..around.end as usize].to_vec();
                assert!(blocks.hold(around.start, &part), "{length}: {wanted:?}");
                let at = part.len() / 2;
                part[at] ^= 4;
                assert!(!blocks.hold(around.start, &part), "{length}: {wanted:?} with another byte");
                part[at] ^= 4;
                part.pop();
                // What is left may be whole blocks, if fewer.
                let whole = !part.is_empty() && (part.len() as u64).is_multiple_of(BLOCK);
                assert_eq!(blocks.hold(around.start, &part), whole, "{length}: {wanted:?} without its end");
            }
        }
    }
}
