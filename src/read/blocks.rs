//! Looking at 64 bytes of text at once: which of them are quotes, backslashes and curly braces.

use wide::u8x16;

/// Bytes in a block: one for each bit of a word.
pub(super) const BLOCK: usize = 64;

/// A bit for each byte of a block, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Marks {
    pub(super) quotes: u64,
    pub(super) escapes: u64,
    pub(super) opens: u64,
    pub(super) closes: u64,
}

/// A block of text.
pub(super) struct Block([u8x16; BLOCK / 16]);

impl Block {
    /// The block that starts at a byte, if it is whole.
    #[inline(always)]
    pub(super) fn at(text: &[u8], at: usize) -> Option<Block> {
        let block: &[u8; BLOCK] = text.get(at..)?.first_chunk()?;
        let sixteens = block.as_chunks::<16>().0;
        Some(Block(std::array::from_fn(|index| u8x16::new(sixteens[index]))))
    }

    /// Whether it may hold a quote, a backslash or a curly brace: points of an outline certainly do not.
    #[inline(always)]
    pub(super) fn is_marked(&self) -> bool {
        let any = |bytes: u8x16| equal(bytes, b'"') | equal(bytes, b'\\');
        let Block([a, b, c, d]) = *self;
        // Curly braces are among the few bytes above 'z'.
        let most = a.max(b).max(c.max(d));
        (any(a) | any(b) | any(c) | any(d) | most.max(u8x16::splat(b'{')).cmp_eq(most)).move_mask() != 0
    }

    /// Where its quotes, backslashes and curly braces are.
    #[inline(always)]
    pub(super) fn marks(&self) -> Marks {
        Marks { quotes: self.of(b'"'), escapes: self.of(b'\\'), opens: self.of(b'{'), closes: self.of(b'}') }
    }

    #[inline(always)]
    fn of(&self, byte: u8) -> u64 {
        let bits = |bytes: u8x16| equal(bytes, byte).move_mask() as u64;
        let Block([a, b, c, d]) = *self;
        bits(a) | bits(b) << 16 | bits(c) << 32 | bits(d) << 48
    }
}

#[inline(always)]
fn equal(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.cmp_eq(u8x16::splat(byte))
}

/// Which bytes lie in strings, from each opening quote up to before the closing one: the parity of quotes so far.
#[inline]
pub(super) fn between(quotes: u64) -> u64 {
    let mut parity = quotes;
    for by in [1, 2, 4, 8, 16, 32] {
        parity ^= parity << by;
    }
    parity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_marked_for_what_it_is() {
        for byte in 0..=255_u8 {
            for at in 0..BLOCK {
                for fill in [0, b' ', 0x23, 0x21, 0x5b, 0x5d, b'|', b'y', 0x80, 0xa2, 0xff] {
                    let mut block = [fill; BLOCK];
                    block[at] = byte;
                    let here = |wanted: u8| u64::from(byte == wanted) << at;
                    let found = Block::at(&block, 0).unwrap();
                    let is_marked = found.is_marked();
                    let found = found.marks();
                    assert_eq!(
                        [found.quotes, found.escapes, found.opens, found.closes],
                        [here(b'"'), here(b'\\'), here(b'{'), here(b'}')]
                    );
                    let must = matches!(byte, b'"' | b'\\' | b'{'..);
                    assert_eq!(is_marked, must || fill > b'z');
                }
            }
        }
    }

    #[test]
    fn strings_lie_between_quotes() {
        for quotes in [0, 1, 0b1001, 0b1011_0010, 1 << 63, !0, 0x8000_0001_0010_0401] {
            let (mut expected, mut open) = (0_u64, false);
            for at in 0..64 {
                open ^= quotes >> at & 1 == 1;
                expected |= u64::from(open) << at;
            }
            assert_eq!(between(quotes), expected);
        }
    }
}
