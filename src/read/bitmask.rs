//! Masks that are PNG images within the export, as data URLs.
//!
//! The editor paints black on a transparent image (`BitmaskRegion`), so a pixel is painted where its alpha is not
//! zero. An image without alpha comes from another program, and all its pixels would be painted; there a pixel is
//! painted where it is not black. Nothing is fetched, and no address is repeated in a message.

use std::io::Cursor;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::read::mask::{Mask, size_differs};
use crate::read::shapes::{Drawing, Unreadable};
use crate::read::trace::{MOST_VERTICES, Tracer};

const FIELD: &str = "value.imageDataURL";
const ELSEWHERE: Unreadable = Unreadable::fixed(
    FIELD,
    "mask_elsewhere",
    "the painted mask is an address and not part of the export; nothing is fetched, so write the mask into the export \
     as a PNG data URL",
);
const NOT_A_PNG: Unreadable = Unreadable::fixed(
    FIELD,
    "not_a_png",
    "the painted mask is no PNG image, or a broken one; export it again, or redraw the region",
);
const NOT_BASE64: Unreadable = Unreadable::fixed(
    FIELD,
    "not_base64",
    "the painted mask is no base64 text, or it was cut off; export it again, or redraw the region",
);
const ROW_TOO_LONG: Unreadable = Unreadable::fixed(
    FIELD,
    "mask_too_large",
    "the rows of the painted mask are longer than 8 million pixels; check the image size",
);

/// Longest row of pixels; one row is held at a time, of 8 bytes per pixel at most.
const MOST_COLUMNS: u32 = 1 << 23;
/// What the decoder may allocate for chunks.
const MOST_BYTES: usize = 1 << 26;
/// Vertices that any image may have, and those for each byte of base64. PNG packs a regular pattern a thousand times;
/// what people paint has fewer vertices than bytes.
const VERTICES: (usize, usize) = (1 << 16, 16);
/// Padding is often left out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Outline the mask in a data URL; it has the size of the image.
pub fn outline(url: &str, width: u32, height: u32, drawing: &mut Drawing) -> Result<(), Unreadable> {
    let data = embedded(url)?;
    let most = MOST_VERTICES.min(VERTICES.0 + VERTICES.1 * url.len());
    trace_png(&data, width, height, Tracer::new(most), drawing)
}

/// The bytes of a PNG image in a data URL (RFC 2397).
fn embedded(url: &str) -> Result<Vec<u8>, Unreadable> {
    let is =
        |text: &str, word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let url = url.trim_ascii();
    if !is(url, "data:") {
        return Err(ELSEWHERE);
    }
    let (head, data) = url.split_once(',').ok_or(NOT_A_PNG)?;
    let mut parts = head["data:".len()..].split(';').map(str::trim_ascii);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("image/png")) {
        return Err(NOT_A_PNG);
    }
    if !parts.any(|part| part.eq_ignore_ascii_case("base64")) {
        return Err(NOT_BASE64);
    }
    let decoded = BASE64.decode(data).or_else(|_| {
        // Some writers break lines.
        BASE64.decode(data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<u8>>())
    });
    decoded.map_err(|_| NOT_BASE64)
}

fn broken(error: DecodingError) -> Unreadable {
    match error {
        DecodingError::LimitsExceeded => Unreadable { code: "mask_too_large", ..NOT_A_PNG },
        _ => NOT_A_PNG,
    }
}

/// Trace the painted pixels of a PNG image, row by row.
fn trace_png(
    data: &[u8],
    width: u32,
    height: u32,
    mut tracer: Tracer,
    drawing: &mut Drawing,
) -> Result<(), Unreadable> {
    Mask::new(width, height)?;
    let mut decoder = Decoder::new_with_limits(Cursor::new(data), Limits { bytes: MOST_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes become colours, and a transparent colour becomes an alpha channel. Sixteen bits stay sixteen: the
    // upper eight of an alpha may be zero.
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(broken)?;
    if [header.width, header.height] != [width, height] {
        return Err(size_differs(FIELD, [header.width, header.height], [width, height]));
    }
    if width > MOST_COLUMNS {
        return Err(ROW_TOO_LONG);
    }
    let mut reader = decoder.read_info().map_err(broken)?;
    let (color, depth) = reader.output_color_type();
    let bytes = if depth == BitDepth::Sixteen { 2 } else { 1 };
    let channels = color.samples();
    // Where the samples that tell start.
    let from = match color {
        ColorType::GrayscaleAlpha | ColorType::Rgba => (channels - 1) * bytes,
        _ => 0,
    };
    let painted = |pixel: &[u8]| pixel[from..].iter().any(|&byte| byte != 0);
    let size = channels * bytes;
    let mut toggles = Vec::new();
    if !reader.info().interlaced {
        for y in 0..height {
            let row = reader.next_row().map_err(broken)?.ok_or(NOT_A_PNG)?;
            let row = row.data().get(..width as usize * size).ok_or(NOT_A_PNG)?;
            find_toggles(row.chunks_exact(size).map(painted), &mut toggles);
            if !toggles.is_empty() {
                tracer.band(y, y + 1, &toggles)?;
            }
        }
        // The checksums come last.
        reader.finish().map_err(broken)?;
        return tracer.finish(drawing);
    }
    // The passes of an interlaced image fill one bit per pixel.
    let mut bits = vec![0_u8; (width as usize * height as usize).div_ceil(8)];
    for [x0, y0, dx, dy] in ADAM7 {
        let columns = width.saturating_sub(x0).div_ceil(dx);
        if columns == 0 {
            continue;
        }
        for y in (y0..height).step_by(dy as usize) {
            let row = reader.next_row().map_err(broken)?.ok_or(NOT_A_PNG)?;
            let row = row.data().get(..columns as usize * size).ok_or(NOT_A_PNG)?;
            for (pixel, x) in row.chunks_exact(size).zip((x0..width).step_by(dx as usize)) {
                if painted(pixel) {
                    let at = y as usize * width as usize + x as usize;
                    bits[at / 8] |= 1 << (at % 8);
                }
            }
        }
    }
    reader.finish().map_err(broken)?;
    for y in 0..height {
        let start = y as usize * width as usize;
        let row = (start..start + width as usize).map(|at| bits[at / 8] >> (at % 8) & 1 == 1);
        find_toggles(row, &mut toggles);
        if !toggles.is_empty() {
            tracer.band(y, y + 1, &toggles)?;
        }
    }
    tracer.finish(drawing)
}

/// Start and step of the passes of an interlaced image, across and down (PNG, section 8.2).
const ADAM7: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/// Where the paint of a row starts and ends, by turns.
fn find_toggles(row: impl Iterator<Item = bool>, toggles: &mut Vec<u32>) {
    toggles.clear();
    let (mut before, mut x) = (false, 0);
    for painted in row {
        if painted != before {
            toggles.push(x);
            before = painted;
        }
        x += 1;
    }
    if before {
        toggles.push(x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area::ring_area;
    use png::Encoder;

    fn area(drawing: &Drawing) -> f64 {
        drawing.rings().map(ring_area).sum()
    }

    fn read(data: &[u8], width: u32, height: u32) -> Result<f64, &'static str> {
        let url = format!("data:image/png;base64,{}", BASE64.encode(data));
        let mut drawing = Drawing::default();
        outline(&url, width, height, &mut drawing).map(|()| area(&drawing)).map_err(|error| error.code)
    }

    fn image(
        size: [u32; 2],
        color: ColorType,
        depth: BitDepth,
        data: &[u8],
        set: impl Fn(&mut Encoder<&mut Vec<u8>>),
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, size[0], size[1]);
        encoder.set_color(color);
        encoder.set_depth(depth);
        set(&mut encoder);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(data).unwrap();
        writer.finish().unwrap();
        out
    }

    #[test]
    fn every_color_type_and_depth() {
        use BitDepth::{Eight, One, Sixteen, Two};
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        let plain = |_: &mut Encoder<&mut Vec<u8>>| {};
        let size = [3, 1];
        let cases = [
            // Black on transparent, as the editor writes it.
            (image(size, Rgba, Eight, &[0, 0, 0, 255, 9, 9, 9, 0, 0, 0, 0, 1], plain), 2.0),
            // An alpha of 1 in 65535 is painted.
            (
                image(
                    size,
                    Rgba,
                    Sixteen,
                    &[vec![0; 7], vec![1], vec![9, 9, 9, 9, 9, 9, 0, 0], vec![0; 8]].concat(),
                    plain,
                ),
                1.0,
            ),
            (image(size, GrayscaleAlpha, Eight, &[0, 255, 255, 0, 255, 7], plain), 2.0),
            // Without alpha: what is not black.
            (image(size, Rgb, Eight, &[0, 0, 0, 0, 0, 1, 255, 255, 255], plain), 2.0),
            (image(size, Grayscale, Eight, &[0, 0, 3], plain), 1.0),
            (image(size, Grayscale, Sixteen, &[0, 1, 0, 0, 1, 0], plain), 2.0),
            (image(size, Grayscale, One, &[0b1010_0000], plain), 2.0),
            (image(size, Grayscale, Two, &[0b0001_1100], plain), 2.0),
            (
                image(size, Indexed, Eight, &[0, 1, 1], |encoder| {
                    encoder.set_palette(vec![0, 0, 0, 5, 0, 0])
                }),
                2.0,
            ),
            (
                image(size, Indexed, One, &[0b0110_0000], |encoder| {
                    encoder.set_palette(vec![0, 0, 0, 5, 0, 0]);
                    encoder.set_trns(vec![255, 0]);
                }),
                1.0,
            ),
            // One transparent grey.
            (image(size, Grayscale, Eight, &[0, 7, 7], |encoder| encoder.set_trns(vec![0, 7])), 1.0),
        ];
        for (index, (data, expected)) in cases.iter().enumerate() {
            assert_eq!(read(data, 3, 1), Ok(*expected), "case {index}");
        }
    }

    /// An interlaced grey image, written pass by pass: the encoder writes none.
    fn interlaced(width: u32, height: u32, pixels: &[bool]) -> Vec<u8> {
        let mut rows = Vec::new();
        for [x0, y0, dx, dy] in ADAM7 {
            for y in (y0..height).step_by(dy as usize) {
                if x0 < width {
                    rows.push(0);
                    let across = (x0..width).step_by(dx as usize);
                    rows.extend(across.map(|x| u8::from(pixels[(y * width + x) as usize])));
                }
            }
        }
        // One stored block (RFC 1950 and 1951).
        let (mut a, mut b) = (1_u32, 0_u32);
        for &byte in &rows {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        let len = rows.len() as u16;
        let data = [
            &[0x78, 1, 1][..],
            &len.to_le_bytes(),
            &(!len).to_le_bytes(),
            &rows,
            &(b << 16 | a).to_be_bytes(),
        ]
        .concat();
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 1]].concat();
        let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
            out.extend((data.len() as u32).to_be_bytes());
            let body = [&kind[..], &data].concat();
            let crc = body.iter().fold(u32::MAX, |crc, &byte| {
                (0..8)
                    .fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
            });
            out.extend(&body);
            out.extend((!crc).to_be_bytes());
        }
        out
    }

    #[test]
    fn interlaced_images() {
        let mut state = 5_u64;
        for size in 1..40_u32 {
            let (width, height) = (size, 1 + size * 7 % 23);
            let pixels: Vec<bool> = (0..width * height)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    state >> 62 == 0
                })
                .collect();
            let url = format!("data:image/png;base64,{}", BASE64.encode(interlaced(width, height, &pixels)));
            let mut drawing = Drawing::default();
            outline(&url, width, height, &mut drawing).unwrap();
            let mut mask = Mask::new(width, height).unwrap();
            for (at, _) in pixels.iter().enumerate().filter(|(_, painted)| **painted) {
                mask.paint(at as u32, at as u32 + 1);
            }
            let mut expected = Drawing::default();
            crate::read::trace::trace(&mask, &mut expected).unwrap();
            assert_eq!(
                (drawing.points, drawing.ends),
                (expected.points, expected.ends),
                "{width} x {height}"
            );
        }
    }

    #[test]
    fn what_is_no_mask_is_named() {
        let data = image([4, 2], ColorType::Rgba, BitDepth::Eight, &[9; 32], |_| {});
        assert_eq!(read(&data, 4, 2), Ok(8.0));
        assert_eq!(read(&data, 2, 4), Err("mask_size_differs"));
        assert_eq!(read(&data, 1 << 20, 1 << 20), Err("mask_too_large"));
        assert_eq!(read(b"GIF89a", 4, 2), Err("not_a_png"));
        assert_eq!(read(b"", 4, 2), Err("not_a_png"));
        for len in 0..data.len() {
            assert_eq!(read(&data[..len], 4, 2), Err("not_a_png"), "{len}");
        }
        for byte in 0..data.len() {
            let mut damaged = data.clone();
            damaged[byte] ^= 0x55;
            assert!(read(&damaged, 4, 2).is_err(), "{byte}");
        }
        let encoded = BASE64.encode(&data);
        let url = |url: &str| {
            outline(url, 4, 2, &mut Drawing::default()).map_err(|error| {
                assert!(!error.message.contains("secret"));
                error.code
            })
        };
        assert_eq!(url(&format!("data:image/png;base64,{encoded}")), Ok(()));
        assert_eq!(
            url(&format!("DATA:image/PNG;charset=x;BASE64,{}\n{}", &encoded[..9], &encoded[9..])),
            Ok(())
        );
        assert_eq!(url(&format!("data:image/png;base64,{}", encoded.trim_end_matches('='))), Ok(()));
        assert_eq!(url(&format!("data:image/png;base64,{encoded}?secret")), Err("not_base64"));
        assert_eq!(url(&format!("data:image/png,{encoded}")), Err("not_base64"));
        assert_eq!(url("data:image/jpeg;base64,secret"), Err("not_a_png"));
        assert_eq!(url("data:"), Err("not_a_png"));
        for address in ["https://host/mask.png?token=secret", "", "/data/secret.png", "dätä:secret"] {
            assert_eq!(url(address), Err("mask_elsewhere"), "{address}");
        }
    }

    #[test]
    fn bombs() {
        // A checkerboard of 16 million pixels in a few kilobytes.
        let side = 4096_u32;
        let rows: Vec<u8> =
            (0..side).flat_map(|y| vec![if y % 2 == 0 { 0x55 } else { 0xAA }; side as usize / 8]).collect();
        let data = image([side, side], ColorType::Grayscale, BitDepth::One, &rows, |encoder| {
            encoder.set_compression(png::Compression::High);
        });
        assert!(data.len() < 100_000, "{}", data.len());
        assert_eq!(read(&data, side, side), Err("too_many_vertices"));
    }
}
