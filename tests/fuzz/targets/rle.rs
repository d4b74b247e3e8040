//! Codes of brush strokes: decoded twice, by the reader and bit by bit, then traced; the outlines must cover
//! the painted pixels and nothing else.
//!
//! An input is width and height (two bytes each, the lower one first), a byte of flags, and the code. With
//! flag 1 the code gets the number of values that such an image has, with flag 2 values of eight bits; else
//! hardly any input would come beyond the head.

#![no_main]

use lesiongeo::geometry::area::ring_area;
use lesiongeo::read::brush::decode;
use lesiongeo::read::shapes::Drawing;
use lesiongeo::read::trace::trace;
use libfuzzer_sys::fuzz_target;

/// Images up to this size are decoded and filled pixel by pixel.
const FEW_PIXELS: u64 = 1 << 16;

fuzz_target!(|input: &[u8]| {
    let [w0, w1, h0, h1, flags, code @ ..] = input else { return };
    let (width, height) = (u16::from_le_bytes([*w0, *w1]), u16::from_le_bytes([*h0, *h1]));
    let (width, height) = (u32::from(width), u32::from(height));
    let pixels = u64::from(width) * u64::from(height);
    let mut code = code.to_vec();
    if flags & 1 != 0
        && let (Ok(values), Some(head)) = (u32::try_from(4 * pixels), code.first_chunk_mut())
    {
        *head = values.to_be_bytes();
    }
    if flags & 2 != 0
        && let Some(byte) = code.get_mut(4)
    {
        *byte = (*byte & 7) | (7 << 3);
    }
    let decoded = decode(&code, width, height);
    let slowly = if pixels > 0 && pixels <= FEW_PIXELS { Some(slow(&code, pixels)) } else { None };
    if let Some(slowly) = &slowly {
        assert_eq!(
            decoded.is_ok(),
            slowly.is_some(),
            "only one of two decoders takes the code: {:?}",
            decoded.as_ref().err()
        );
    }
    let Ok((mask, _)) = decoded else { return };
    let mut before = None;
    for &[start, end] in mask.runs() {
        assert!(before.is_none_or(|before| before < start) && start < end, "runs are apart and in order");
        before = Some(end);
    }
    let painted: u64 = mask.runs().iter().map(|run| u64::from(run[1] - run[0])).sum();
    if let Some(Some(slowly)) = &slowly {
        let mut filled = vec![false; slowly.len()];
        mask.runs().iter().for_each(|run| filled[run[0] as usize..run[1] as usize].fill(true));
        assert!(&filled == slowly, "the decoders differ");
    }
    let mut drawing = Drawing::default();
    if trace(&mask, &mut drawing).is_err() {
        // Noise of millions of corners, which codes of this length do not reach by mistake.
        assert!(painted > 1 << 20, "few pixels were refused");
        return;
    }
    let area: f64 = drawing.rings().map(ring_area).sum();
    assert!(area == painted as f64, "area {area} of {painted} pixels");
    for ring in drawing.rings() {
        assert!(ring.len() >= 4 && ring.len() % 2 == 0, "a ring of {} vertices", ring.len());
        for (index, from) in ring.iter().enumerate() {
            let to = ring[(index + 1) % ring.len()];
            assert!((from[0] == to[0]) != (from[1] == to[1]), "an edge of a ring is not along pixels");
        }
    }
    if let Some(Some(slowly)) = slowly
        && slowly.len() <= 4096
    {
        assert!(fill(&drawing, width as usize, height as usize) == slowly, "the outlines cover other pixels");
    }
});

/// The painted pixels, decoded bit by bit; none if the code is broken.
fn slow(code: &[u8], pixels: u64) -> Option<Vec<bool>> {
    let mut at = 0;
    let mut take = |count: u32| -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *code.get(at / 8)?;
            value = value << 1 | u64::from(byte >> (7 - at % 8) & 1);
            at += 1;
        }
        Some(value)
    };
    let count = take(32)?;
    if count != 4 * pixels || take(5)? != 7 {
        return None;
    }
    let mut widths = [0; 4];
    for width in &mut widths {
        *width = take(4)? as u32 + 1;
    }
    let mut values = Vec::new();
    while (values.len() as u64) < count {
        let repeats = take(1)? == 1;
        let width = widths[take(2)? as usize];
        let length = take(width)? as usize + 1;
        if repeats {
            let value = take(8)?;
            values.resize(values.len() + length, value);
        } else {
            for _ in 0..length {
                values.push(take(8)?);
            }
        }
    }
    if values.len() as u64 != count {
        return None;
    }
    Some(values.iter().skip(3).step_by(4).map(|&value| value != 0).collect())
}

/// The pixels inside, by winding numbers; they are 0 or 1 everywhere.
fn fill(drawing: &Drawing, width: usize, height: usize) -> Vec<bool> {
    // How the winding number changes to the right of each vertical edge of a pixel.
    let mut steps = vec![0_i32; (width + 1) * height];
    for ring in drawing.rings() {
        for (index, from) in ring.iter().enumerate() {
            let to = ring[(index + 1) % ring.len()];
            let [x, up, down] = [from[0], from[1].min(to[1]), from[1].max(to[1])].map(|value| value as usize);
            for y in up..down {
                steps[y * (width + 1) + x] += if to[1] < from[1] { 1 } else { -1 };
            }
        }
    }
    let mut filled = Vec::with_capacity(width * height);
    for row in steps.chunks_exact(width + 1) {
        let mut winding = 0;
        for step in &row[..width] {
            winding += step;
            assert!(winding == 0 || winding == 1, "winding number {winding}");
            filled.push(winding == 1);
        }
    }
    filled
}
