//! Byte offsets ↔ lines and columns.

/// A position as people count: both from 1, the column in Unicode scalar values (a tab is one).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}

/// Where each line of a text starts, and how many characters come before each block of it: a look-up costs two binary searches and
/// a walk along one block, however long a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
    /// The characters that begin before each multiple of [`BLOCK`].
    before: Vec<u32>,
}

/// Bytes of a block.
const BLOCK: usize = 512;

impl LineIndex {
    pub fn new(text: &str) -> LineIndex {
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        let mut before = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            before.push(before[before.len() - 1] + begun(block) as u32);
        }
        LineIndex { starts: std::iter::once(0).chain(after_newlines).collect(), before }
    }

    /// How many characters begin before a byte.
    fn characters_before(&self, text: &str, at: usize) -> usize {
        let block = at / BLOCK;
        self.before[block] as usize + begun(&text.as_bytes()[block * BLOCK..at])
    }

    /// Where the character begins before which there are so many; the end of the text, where there aren't that many.
    fn character(&self, text: &str, number: usize) -> usize {
        let block = self.before.partition_point(|before| *before as usize <= number).saturating_sub(1);
        let from = (block * BLOCK).min(text.len());
        let missing = number - self.before[block] as usize;
        let begins = text.as_bytes()[from..].iter().enumerate().filter(|(_, byte)| is_first(**byte));
        begins.map(|(at, _)| from + at).nth(missing).unwrap_or(text.len())
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    pub fn position(&self, text: &str, offset: u32) -> LineColumn {
        let mut offset = (offset as usize).min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start as usize <= offset) - 1;
        let start = self.starts[line] as usize;
        let column = self.characters_before(text, offset) - self.characters_before(text, start) + 1;
        LineColumn { line: line as u32 + 1, column: column as u32 }
    }

    pub fn offset(&self, text: &str, position: LineColumn) -> u32 {
        let line = (position.line.max(1) as usize - 1).min(self.starts.len() - 1);
        let start = self.starts[line] as usize;
        let end = self.starts.get(line + 1).map_or(text.len(), |next| *next as usize);
        let end = start + text[start..end].trim_end_matches(['\n', '\r']).len();
        let column = position.column.max(1) as usize - 1;
        if end - start <= BLOCK {
            return text[start..end].char_indices().nth(column).map_or(end, |(at, _)| start + at) as u32;
        }
        let number = self.characters_before(text, start) + column;
        self.character(text, number).min(end) as u32
    }
}

/// Whether a byte of UTF-8 is a character's first.
fn is_first(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

fn begun(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| is_first(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_scalar_values() {
        let text = "ab\nçé x\n\n";
        let index = LineIndex::new(text);
        let x = text.find('x').expect("x is there") as u32;
        assert_eq!(index.position(text, x), LineColumn { line: 2, column: 4 });
        assert_eq!(index.offset(text, LineColumn { line: 2, column: 4 }), x);
        assert_eq!(index.position(text, text.len() as u32), LineColumn { line: 4, column: 1 });
    }

    #[test]
    fn every_offset_survives_the_round_trip() {
        let text = "select 1\r\n\tfrom «t»\n😀😀 end";
        let index = LineIndex::new(text);
        for (offset, character) in text.char_indices().filter(|(_, character)| !character.is_control()) {
            let position = index.position(text, offset as u32);
            assert_eq!(index.offset(text, position), offset as u32, "{character:?} at {position:?}");
        }
    }

    #[test]
    fn positions_past_the_end_are_clamped() {
        let index = LineIndex::new("a\nb");
        assert_eq!(index.offset("a\nb", LineColumn { line: 9, column: 9 }), 3);
        assert_eq!(index.position("a\nb", 99), LineColumn { line: 2, column: 2 });
    }

    #[test]
    fn long_lines_of_characters_of_all_lengths_survive_the_round_trip() {
        let text = "aç€😀\n".repeat(3) + &"aç€😀 x".repeat(700) + "\n" + &"b".repeat(2 * BLOCK);
        let index = LineIndex::new(&text);
        let mut counted = LineColumn { line: 1, column: 1 };
        for (offset, character) in text.char_indices() {
            assert_eq!(index.position(&text, offset as u32), counted);
            assert_eq!(index.offset(&text, counted), offset as u32);
            counted = match character {
                '\n' => LineColumn { line: counted.line + 1, column: 1 },
                _ => LineColumn { column: counted.column + 1, ..counted },
            };
        }
        assert_eq!(index.position(&text, text.len() as u32), counted);
        assert_eq!(index.offset(&text, counted), text.len() as u32);
    }
}
