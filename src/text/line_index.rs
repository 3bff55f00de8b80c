//! Byte offsets ↔ lines and columns.

/// A position as people count: both from 1, the column in Unicode scalar values (a tab is one).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}

/// Where each line of a text starts. Look-ups cost a binary search and a walk along one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    pub fn new(text: &str) -> LineIndex {
        let after_newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at as u32 + 1);
        LineIndex { starts: std::iter::once(0).chain(after_newlines).collect() }
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
        let column = text[self.starts[line] as usize..offset].chars().count() + 1;
        LineColumn { line: line as u32 + 1, column: column as u32 }
    }

    pub fn offset(&self, text: &str, position: LineColumn) -> u32 {
        let line = (position.line.max(1) as usize - 1).min(self.starts.len() - 1);
        let start = self.starts[line] as usize;
        let end = self.starts.get(line + 1).map_or(text.len(), |next| *next as usize);
        let line_text = text[start..end].trim_end_matches(['\n', '\r']);
        let within =
            line_text.char_indices().nth(position.column.max(1) as usize - 1).map_or(line_text.len(), |(at, _)| at);
        (start + within) as u32
    }
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
}
