//! Label Studio's run-length code of brush strokes.
//!
//! A stream of bits, the most significant bit of each byte first: the number N of values (32 bits), the bits per value
//! less one (5), four widths of a count less one (4 each), then blocks until N values are out. A block is one bit that
//! says whether one value repeats, two bits that choose a width, a count less one of that width, and then the value
//! once, or that many values. The values are the bytes of an RGBA image, row after row; a pixel is painted where its
//! fourth byte is not zero. (The code is that of the npm package `@thi.ng/rle-pack`; `label_studio_converter.brush` of
//! the Label Studio SDK reads channel 3 of it as the mask.)

use crate::read::mask::Mask;
use crate::read::shapes::Unreadable;

/// The editor's values are bytes.
const WORD_BITS: u64 = 8;
/// Bits before the first block.
const HEADER_BITS: u64 = 32 + 5 + 4 * 4;

const CUT_OFF: Unreadable = Unreadable::fixed(
    "value.rle",
    "rle_cut_off",
    "the painted mask ends early; export it again, or redraw the region",
);
const OVERRUN: Unreadable = Unreadable::fixed(
    "value.rle",
    "rle_overrun",
    "the painted mask holds more values than it announces; export it again, or redraw the region",
);
const WORD_SIZE: Unreadable = Unreadable::fixed(
    "value.rle",
    "rle_word_size",
    "the painted mask has values that are no bytes; write it with a word size of 8",
);
const NOT_A_BYTE: Unreadable = Unreadable::fixed(
    "value.rle",
    "not_a_byte",
    "the painted mask is no list of whole numbers from 0 to 255; export it again, or redraw the region",
);

/// Decode the mask of an image of `width` x `height` pixels; with it, how many bits behind its end are neither used nor
/// padding.
///
/// What is painted comes out as runs, so a run costs the same whatever its length, and memory and time are in
/// proportion to the code, never to what it claims.
pub fn decode(rle: &[u8], width: u32, height: u32) -> Result<(Mask, u64), Unreadable> {
    let mut mask = Mask::new(width, height)?;
    let mut bits = Bits { bytes: rle, at: 0, end: rle.len() as u64 * 8 };
    if bits.end < HEADER_BITS {
        return Err(CUT_OFF);
    }
    let values = bits.take(32);
    let expected = 4 * u64::from(width) * u64::from(height);
    if values != expected {
        return Err(Unreadable {
            field: "value.rle",
            code: "mask_size_differs",
            message: format!(
                "the painted mask has {values} values, but an image of {width} x {height} pixels needs {expected}; \
                 check original_width and original_height"
            )
            .into(),
        });
    }
    if bits.take(5) + 1 != WORD_BITS {
        return Err(WORD_SIZE);
    }
    let widths: [u64; 4] = std::array::from_fn(|_| bits.take(4) + 1);
    let mut done = 0;
    while done < values {
        // One load serves the whole head of a block: 3 + 16 bits, and a value of 8.
        let word = bits.peek();
        let repeats = word >> 63 == 1;
        let count_bits = widths[(word >> 61 & 3) as usize];
        let end = done + 1 + (word << 3 >> (64 - count_bits));
        bits.at += 3 + count_bits;
        let words = if repeats { 1 } else { end - done };
        if bits.at + words * WORD_BITS > bits.end {
            return Err(CUT_OFF);
        }
        if end > values {
            return Err(OVERRUN);
        }
        // Bytes i up to j hold the fourth bytes of the pixels i / 4 up to j / 4.
        let (first, last) = (done / 4, end / 4);
        if repeats {
            if word << (3 + count_bits) >> (64 - WORD_BITS) != 0 {
                mask.paint(first as u32, last as u32);
            }
        } else {
            for pixel in first..last {
                if bits.byte(bits.at + (4 * pixel + 3 - done) * WORD_BITS) != 0 {
                    mask.paint(pixel as u32, pixel as u32 + 1);
                }
            }
        }
        bits.at += words * WORD_BITS;
        done = end;
    }
    Ok((mask, bits.rest()))
}

/// The bytes of a JSON list, given as its text, whose grammar has been checked.
pub(super) fn bytes(list: &str, bytes: &mut Vec<u8>) -> Result<(), Unreadable> {
    let inner =
        list.trim_ascii().strip_prefix('[').and_then(|list| list.strip_suffix(']')).ok_or(NOT_A_BYTE)?;
    bytes.clear();
    if inner.trim_ascii().is_empty() {
        return Ok(());
    }
    // No number yet, or its value.
    let mut number: Option<u32> = None;
    for &byte in inner.as_bytes() {
        match byte {
            b'0'..=b'9' => {
                let value = number.unwrap_or(0) * 10 + u32::from(byte - b'0');
                if value > 255 {
                    return Err(NOT_A_BYTE);
                }
                number = Some(value);
            }
            b',' => bytes.push(number.take().ok_or(NOT_A_BYTE)? as u8),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => return Err(NOT_A_BYTE),
        }
    }
    bytes.push(number.ok_or(NOT_A_BYTE)? as u8);
    Ok(())
}

/// A place in a stream of bits.
struct Bits<'a> {
    bytes: &'a [u8],
    at: u64,
    end: u64,
}

impl Bits<'_> {
    /// The next 57 bits or more, the first of them highest; zeros beyond the end.
    fn peek(&self) -> u64 {
        let from = (self.at / 8) as usize;
        let word = match self.bytes.get(from..from + 8).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => u64::from_be_bytes(bytes),
            None => {
                let rest = self.bytes.get(from..).unwrap_or_default();
                (0..8).fold(0, |word, index| word << 8 | u64::from(rest.get(index).copied().unwrap_or(0)))
            }
        };
        word << (self.at % 8)
    }

    /// Up to 57 bits as a number.
    fn take(&mut self, count: u64) -> u64 {
        let value = self.peek() >> (64 - count);
        self.at += count;
        value
    }

    /// How many bits are left, unless they pad a byte: zeros, up to seven in codes of the editor, one to eight in those of
    /// `label_studio_converter.brush`.
    fn rest(&self) -> u64 {
        let left = self.end - self.at;
        let padding = left == 0 || left <= 8 && self.peek() >> (64 - left) == 0;
        if padding { 0 } else { left }
    }

    /// The eight bits from a place on; zeros beyond the end.
    fn byte(&self, at: u64) -> u8 {
        let byte = |index: u64| u16::from(self.bytes.get(index as usize).copied().unwrap_or(0));
        ((byte(at / 8) << 8 | byte(at / 8 + 1)) << (at % 8) >> 8) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the editor's own documentation: the first of 2 x 2 pixels is empty.
    const EXAMPLE: [u8; 11] = [0, 0, 0, 16, 57, 27, 252, 96, 22, 255, 192];

    /// Bits one after the other.
    #[derive(Default)]
    struct Writer {
        bits: Vec<bool>,
    }

    impl Writer {
        fn put(&mut self, value: u64, count: u64) {
            self.bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        }

        fn header(values: u64, widths: [u64; 4]) -> Writer {
            let mut writer = Writer::default();
            writer.put(values, 32);
            writer.put(7, 5);
            widths.iter().for_each(|width| writer.put(width - 1, 4));
            writer
        }

        /// A block of one repeated value, or of values.
        fn block(&mut self, choice: u64, width: u64, count: u64, values: &[u8]) {
            self.put(u64::from(values.len() == 1 && count > 1), 1);
            self.put(choice, 2);
            self.put(count - 1, width);
            values.iter().for_each(|&value| self.put(value.into(), 8));
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| {
                (0..8).fold(0, |byte, bit| byte << 1 | u8::from(bits.get(bit).copied().unwrap_or(false)))
            };
            self.bits.chunks(8).map(byte).collect()
        }
    }

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    fn pixels(mask: &Mask) -> Vec<bool> {
        let mut pixels = vec![false; (mask.width() * mask.height()) as usize];
        for &[start, end] in mask.runs() {
            pixels[start as usize..end as usize].fill(true);
        }
        pixels
    }

    #[test]
    fn the_documented_example() {
        let (mask, rest) = decode(&EXAMPLE, 2, 2).unwrap();
        assert_eq!((mask.runs(), rest), (&[[1, 4]][..], 0));
    }

    #[test]
    fn blocks_of_every_width_and_kind_round_trip() {
        let mut state = 42;
        for round in 0..300 {
            let widths = if round % 2 == 0 {
                [3, 4, 8, 16]
            } else {
                std::array::from_fn(|_| 1 + random(&mut state) % 16)
            };
            let (width, height) = (1 + random(&mut state) % 40, 1 + random(&mut state) % 40);
            let total = 4 * width * height;
            let mut writer = Writer::header(total, widths);
            let mut values: Vec<u8> = Vec::new();
            while (values.len() as u64) < total {
                let choice = random(&mut state) % 4;
                let most = (1 << widths[choice as usize]).min(total - values.len() as u64);
                let count = 1 + random(&mut state) % most;
                let mut next = || {
                    if random(&mut state).is_multiple_of(2) { 0 } else { (random(&mut state) % 256) as u8 }
                };
                let block: Vec<u8> =
                    if next() < 128 { vec![next()] } else { (0..count).map(|_| next()).collect() };
                writer.block(choice, widths[choice as usize], count, &block);
                values.extend((0..count).map(|index| block[index as usize % block.len()]));
            }
            let mut rle = writer.bytes();
            let expected: Vec<bool> = values.chunks(4).map(|pixel| pixel[3] > 0).collect();
            let (mask, rest) = decode(&rle, width as u32, height as u32).unwrap();
            assert_eq!((pixels(&mask), rest), (expected.clone(), 0));
            // What follows the last block changes nothing.
            let padding = 8 * rle.len() as u64 - writer.bits.len() as u64;
            rle.extend([255; 9]);
            let (mask, rest) = decode(&rle, width as u32, height as u32).unwrap();
            assert_eq!((pixels(&mask), rest), (expected, padding + 72));
        }
    }

    #[test]
    fn what_pads_a_byte_and_what_does_not() {
        // Blocks of 3 + 8 + 8 bits and of 3 + 3 + 8 bits after a head of 53: 72 bits, and 86.
        let mut whole = Writer::header(4, [8, 3, 3, 3]);
        whole.block(0, 8, 4, &[255]);
        let mut part = Writer::header(8, [8, 3, 3, 3]);
        part.block(0, 8, 4, &[255]);
        part.block(1, 3, 4, &[255]);
        assert_eq!((whole.bits.len(), part.bits.len()), (72, 86));
        let rest = |writer: &Writer, more: &[u8], last: u8, width| {
            let mut rle = writer.bytes();
            *rle.last_mut().unwrap() |= last;
            rle.extend(more);
            decode(&rle, width, 1).unwrap().1
        };
        assert_eq!([rest(&whole, &[], 0, 1), rest(&whole, &[0], 0, 1), rest(&part, &[], 0, 2)], [0; 3]);
        assert_eq!(rest(&whole, &[1], 0, 1), 8);
        assert_eq!(rest(&whole, &[0, 0], 0, 1), 16);
        assert_eq!(rest(&part, &[], 1, 2), 2);
        assert_eq!(rest(&part, &[0], 0, 2), 10);
    }

    #[test]
    fn cut_off_anywhere() {
        let mut writer = Writer::header(4 * 6, [3, 4, 8, 16]);
        writer.block(0, 3, 5, &[255]);
        writer.block(1, 4, 11, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]);
        writer.block(3, 16, 8, &[7]);
        let rle = writer.bytes();
        assert!(decode(&rle, 3, 2).is_ok());
        for len in 0..rle.len() {
            assert_eq!(decode(&rle[..len], 3, 2).unwrap_err().code, "rle_cut_off", "{len}");
        }
        // Zeros in place of the tail, bit by bit: a wrong mask or an error, never a crash.
        for bit in 0..rle.len() * 8 {
            let mut damaged = rle.clone();
            damaged[bit / 8] ^= 128 >> (bit % 8);
            let _ = decode(&damaged, 3, 2);
            damaged.truncate(bit / 8 + 1);
            let _ = decode(&damaged, 3, 2);
        }
    }

    #[test]
    fn wrong_claims_are_named_and_cost_nothing() {
        let code = |rle: &[u8], width, height| decode(rle, width, height).unwrap_err().code;
        let differs = decode(&EXAMPLE, 3, 2).unwrap_err();
        assert_eq!(differs.code, "mask_size_differs");
        assert!(
            differs.message.contains("16 values") && differs.message.contains("3 x 2"),
            "{}",
            differs.message
        );
        assert_eq!(code(&EXAMPLE, 1_000_000, 1_000_000), "mask_too_large");
        assert_eq!(code(&EXAMPLE, u32::MAX, u32::MAX), "mask_too_large");
        let mut wide = EXAMPLE;
        wide[4] = 0b0111_1000 | wide[4] & 7;
        assert_eq!(code(&wide, 2, 2), "rle_word_size");
        let mut long = Writer::header(16, [3, 4, 8, 16]);
        long.block(2, 8, 17, &[0]);
        assert_eq!(code(&long.bytes(), 2, 2), "rle_overrun");
        // A claim without the data behind it.
        let claim = Writer::header(4 << 28, [3, 4, 8, 16]).bytes();
        assert_eq!(code(&claim, 1 << 14, 1 << 14), "rle_cut_off");
        assert!(decode(&Writer::header(0, [1; 4]).bytes(), 0, 7).unwrap().0.runs().is_empty());
    }

    #[test]
    fn lists_of_bytes() {
        let mut out = Vec::new();
        bytes("[0, 12,255 ,\n7]", &mut out).unwrap();
        assert_eq!(out, [0, 12, 255, 7]);
        bytes(" [ ] ", &mut out).unwrap();
        assert!(out.is_empty());
        for text in [
            "[256]",
            "[-1]",
            "[1.0]",
            "[1e2]",
            "[null]",
            "[\"1\"]",
            "[1,[2]]",
            "\"1\"",
            "null",
            "[99999999999]",
        ] {
            assert_eq!(bytes(text, &mut out).unwrap_err().code, "not_a_byte", "{text}");
        }
    }
}
