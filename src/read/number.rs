//! Numbers of a JSON text: their grammar, and the nearest double, ties to even.
//!
//! Almost every number of an export has a few digits before the point and up to 17 after it. Such a number is a whole
//! number `w` below 2^64 over a power of ten up to 10^27. Its double is rounded from `w` times a reciprocal of the power
//! of five: D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and Experience 51(8), 2021; that 128
//! bits of the reciprocal always suffice is proved in N. Mushtak and D. Lemire, "Fast number parsing without fallback",
//! Software: Practice and Experience 53(7), 2023. All other numbers go to the standard library.

use crate::read::words::{HIGH, ONES, word};

/// The largest power of five below 2^63 is 5^27.
const MOST_DECIMALS: usize = 27;

/// What a division by a power of ten multiplies by.
#[derive(Clone, Copy)]
struct Tenth {
    /// 1 / 5^n, shifted until its highest bit is set and rounded up to 128 bits.
    upper: u64,
    lower: u64,
    /// For the exponent of the double.
    exponent: i64,
}

const TENTHS: [Tenth; MOST_DECIMALS + 1] = {
    let mut tenths = [Tenth { upper: 1 << 63, lower: 0, exponent: 1212 - 127 }; MOST_DECIMALS + 1];
    let (mut decimals, mut power) = (1, 5_u128);
    while decimals <= MOST_DECIMALS {
        let bits = 128 - power.leading_zeros();
        // Long division of 2^(127 + bits); no power of two is a multiple of five, so that rounding up adds 1.
        let (mut quotient, mut rest, mut step) = (0_u128, 1_u128 << (bits - 1), 0);
        while step < 128 {
            rest <<= 1;
            let fits = rest >= power;
            rest -= if fits { power } else { 0 };
            quotient = quotient << 1 | fits as u128;
            step += 1;
        }
        quotient += 1;
        tenths[decimals] = Tenth {
            upper: (quotient >> 64) as u64,
            lower: quotient as u64,
            exponent: 1212 - (127 + bits as i64) - decimals as i64,
        };
        power *= 5;
        decimals += 1;
    }
    tenths
};

/// Powers of ten for the digits of one word.
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// The number that starts at a byte, and where it ends; an error is the place where something is missing.
#[inline]
pub(super) fn number(text: &str, start: usize) -> Result<(f64, usize), usize> {
    if let Some(found) = plain(text.as_bytes(), start) {
        return Ok(found);
    }
    let end = skip_number(text.as_bytes(), start)?;
    // What the grammar of JSON accepts, the standard library accepts too.
    text[start..end].parse().map(|value| (value, end)).map_err(|_| start)
}

/// A number without exponent, of at most 7 digits before the point and 19 in all, with enough text after it to look at
/// eight bytes at once. `None` is for the general way to decide.
#[inline(always)]
pub(super) fn plain(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    // A sign, 7 digits, the point, and three words of decimals.
    let text: &[u8; 40] = bytes.get(start..)?.first_chunk()?;
    let negative = text[0] == b'-';
    let at = usize::from(negative);
    let (first, second) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
    // Percent: one or two digits before the point.
    let (magnitude, end) = if first < 10 && text[at + 1] == b'.' {
        fraction(text, at + 2, u64::from(first), 1)?
    } else if first.wrapping_sub(1) < 9 && second < 10 && text[at + 2] == b'.' {
        fraction(text, at + 3, u64::from(first) * 10 + u64::from(second), 2)?
    } else {
        let head = word(text, at)?;
        let whole = digits(head);
        // A leading zero must stand alone.
        if whole.wrapping_sub(1) > 6 || (head as u8 == b'0' && whole > 1) {
            return None;
        }
        let w = value(head, whole);
        match (head >> (8 * whole)) as u8 {
            b'.' => fraction(text, at + whole + 1, w, whole)?,
            b'e' | b'E' => return None,
            _ => (w as f64, at + whole),
        }
    };
    Some((if negative { -magnitude } else { magnitude }, start + end))
}

/// The number whose digits before the point are known, and where its decimals end.
#[inline(always)]
fn fraction(text: &[u8; 40], from: usize, mut w: u64, whole: usize) -> Option<(f64, usize)> {
    let mut chunk = word(text, from)?;
    let mut count = digits(chunk);
    if count == 0 {
        return None;
    }
    let mut decimals = 0;
    if count == 8 {
        w = w * TENS[8] + value_of_eight(chunk);
        chunk = word(text, from + 8)?;
        count = digits(chunk);
        decimals = 8;
        if count == 8 {
            if whole > 3 {
                return None;
            }
            w = w * TENS[8] + value_of_eight(chunk);
            chunk = word(text, from + 16)?;
            count = digits(chunk);
            decimals = 16;
        }
    }
    if whole + decimals + count > 19 {
        return None;
    }
    w = w * TENS[count] + value(chunk, count);
    decimals += count;
    if (chunk >> (8 * (count & 7))) as u8 | 0x20 == b'e' {
        return None;
    }
    Some((over_power_of_ten(w, decimals), from + decimals))
}

/// `w / 10^decimals`, correctly rounded; `decimals` from 1 to [`MOST_DECIMALS`].
#[inline(always)]
fn over_power_of_ten(w: u64, decimals: usize) -> f64 {
    if w == 0 {
        return 0.0;
    }
    let Tenth { upper, lower, exponent } = TENTHS[decimals];
    let zeros = w.leading_zeros();
    let normal = w << zeros;
    let product = u128::from(normal) * u128::from(upper);
    let (mut high, mut low) = ((product >> 64) as u64, product as u64);
    // Otherwise what is missing cannot reach the bits that are kept.
    if high & 0x1ff == 0x1ff {
        let missing = (u128::from(normal) * u128::from(lower)) >> 64;
        let (sum, carry) = low.overflowing_add(missing as u64);
        (high, low) = (high + u64::from(carry), sum);
    }
    // Between 2^62 and 2^64: 53 bits stay, and one to round by.
    let up = high >> 63;
    let shift = up + 9;
    let mut bits = high >> shift;
    // Halves go to the even one; with 5 decimals or more `w` is too small for them.
    if low <= 1 && bits & 3 == 1 && decimals <= 4 && bits << shift == high {
        bits -= 1;
    }
    let kept = (bits + (bits & 1)) >> 1;
    // The highest bit of `kept` adds the missing 1 to the exponent.
    let exponent = exponent + up as i64 - i64::from(zeros);
    f64::from_bits(((exponent as u64) << 52) + kept)
}

/// How many of eight bytes are digits, up to the first that is none.
#[inline]
fn digits(chunk: u64) -> usize {
    let less = chunk ^ (ONES * 0x30);
    // The high bit of each byte that is above 9.
    let other = (((less & !HIGH) + ONES * 0x76) | less) & HIGH;
    (other.trailing_zeros() / 8) as usize
}

/// The value of the first `count` of eight digits.
#[inline]
fn value(chunk: u64, count: usize) -> u64 {
    // Zeros move in front. In two steps, because a shift by all 64 bits is none.
    let half = 32 - 4 * count;
    value_of_ones(((chunk ^ (ONES * 0x30)) << half) << half)
}

/// The value of eight digits.
#[inline]
fn value_of_eight(chunk: u64) -> u64 {
    value_of_ones(chunk ^ (ONES * 0x30))
}

/// The value of eight bytes from 0 to 9, the first digit lowest.
#[inline]
fn value_of_ones(ones: u64) -> u64 {
    let pairs = (ones.wrapping_mul(10) + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xffff_ffff
}

/// Where the number that starts at a byte ends; an error is the place where a digit is missing.
pub(super) fn skip_number(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let first = start + usize::from(bytes.get(start) == Some(&b'-'));
    let mut at = if bytes.get(first) == Some(&b'0') { first + 1 } else { skip_digits(bytes, first)? };
    if bytes.get(at) == Some(&b'.') {
        at = skip_digits(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at = skip_digits(bytes, at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-'))))?;
    }
    Ok(at)
}

/// The place after at least one digit, else the place where one is missing.
#[inline]
fn skip_digits(bytes: &[u8], from: usize) -> Result<usize, usize> {
    let mut at = from;
    while let Some(chunk) = word(bytes, at) {
        let count = digits(chunk);
        at += count;
        if count < 8 {
            return if at > from { Ok(at) } else { Err(from) };
        }
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at > from { Ok(at) } else { Err(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows a number, and a number alone at the end of a text.
    const AFTER: [&str; 4] = ["", ",", "]            ", ", 12.345678901234567]"];

    fn check(digits: &str) {
        let expected: f64 = digits.parse().unwrap();
        for after in AFTER {
            let text = format!("{digits}{after}");
            let (value, end) = number(&text, 0).unwrap_or_else(|at| panic!("{text}: {at}"));
            assert_eq!(value.to_bits(), expected.to_bits(), "{text}: {value:e}");
            assert_eq!(end, digits.len(), "{text}");
            assert_eq!(skip_number(text.as_bytes(), 0), Ok(end));
        }
    }

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            // splitmix64
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }

        fn below(&mut self, limit: u64) -> u64 {
            self.next() % limit
        }

        fn digits(&mut self, count: u64) -> String {
            (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
        }
    }

    #[test]
    fn numbers_as_people_and_programs_write_them() {
        for digits in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "7",
            "-7",
            "0.1",
            "100",
            "99.99999999999999",
            "1e5",
            "1E-5",
            "1e+400",
            "-1e400",
            "1e-400",
            "5e-324",
            "2.4703282292062328e-324",
            "2.4703282292062327e-324",
            "4.9e-324",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "9007199254740993",
            "9007199254740992.5",
            "9007199254740993.0",
            "18446744073709551615",
            "18446744073709551616",
            "184467440737095516.15",
            "1844674.4073709551615",
            "1844674.4073709551616",
            "9999999.999999999999",
            "0.000000000000000001",
            "0.0000000000000000001",
            "1.0000000000000002220446049250313080847263336181640625",
            "1.00000000000000011102230246251565404236316680908203125",
            "4503599.627370496500",
            "0.5e0",
            "12345678",
            "1234567.8",
            "123456789.5",
            "61.23456789012345",
            "61.234567890123456",
            "5.9e-15",
        ] {
            check(digits);
        }
    }

    #[test]
    fn random_doubles_come_back_bit_for_bit() {
        let mut random = Random(1);
        for _ in 0..100_000 {
            check(&(random.next() as f64 / u64::MAX as f64 * 100.0).to_string());
        }
        for _ in 0..20_000 {
            let any = f64::from_bits(random.next());
            if any.is_finite() {
                check(&format!("{any:e}"));
                check(&format!("{any}"));
            }
            // Subnormal.
            check(&format!("{:e}", f64::from_bits(random.below(1 << 52))));
        }
    }

    #[test]
    fn random_digits_round_as_the_standard_library_does() {
        let mut random = Random(2);
        for round in 0..100_000_u64 {
            let whole = (random.below(10_000_000) >> random.below(24)).to_string();
            let count = 1 + random.below(20);
            check(&format!("{}{whole}.{}", if round % 2 == 0 { "-" } else { "" }, random.digits(count)));
        }
        for count in (17..=800).step_by(9) {
            let digits = random.digits(count);
            check(&format!("1{digits}"));
            check(&format!("3.{digits}"));
            check(&format!("0.{digits}"));
            check(&format!("2{digits}.{}e-{}", random.digits(count), random.below(400)));
            check(&format!("2{digits}E{}", random.below(400)));
        }
    }

    #[test]
    fn halves_between_doubles_go_to_the_even_one() {
        // (2 m + 1) / 2^s for a mantissa m of 53 bits lies exactly between two doubles; with s decimals it is exact.
        let mut random = Random(3);
        for _ in 0..20_000 {
            let s = 1 + random.below(9);
            let odd = (random.next() >> 10) | (1 << 53) | 1;
            // Times 5^s: digits of odd / 2^s without its point.
            let all = u128::from(odd) * 5_u128.pow(s as u32);
            let digits = all.to_string();
            let (whole, decimals) = digits.split_at(digits.len() - s as usize);
            check(&format!("{whole}.{decimals}"));
        }
        // Few digits, so that the fast way has them: 53 bits above 2^-k.
        for k in 1..=18_u32 {
            for m in [1_u64, 3, 5, 7, 4_503_599, 8_388_607] {
                let scaled = u128::from(m) * 5_u128.pow(k);
                check(&format!("0.{scaled:0>width$}", width = k as usize));
            }
        }
    }

    #[test]
    fn every_quotient_is_exact_in_all_decimals() {
        let mut random = Random(4);
        for decimals in 1..=MOST_DECIMALS {
            for _ in 0..2_000 {
                let w = random.next() >> random.below(64);
                let expected: f64 = format!("{w}e-{decimals}").parse().unwrap();
                assert_eq!(over_power_of_ten(w, decimals).to_bits(), expected.to_bits(), "{w}e-{decimals}");
            }
            for w in [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, (1 << 53) + 1] {
                let expected: f64 = format!("{w}e-{decimals}").parse().unwrap();
                assert_eq!(over_power_of_ten(w, decimals).to_bits(), expected.to_bits(), "{w}e-{decimals}");
            }
        }
    }

    #[test]
    fn numbers_next_to_halves_round_to_their_side() {
        // w / 10^n as close as whole numbers come to (2 m + 1) / 2^s, which lies exactly between two doubles.
        let mut random = Random(5);
        for decimals in 1..=19_usize {
            for _ in 0..2_000 {
                let half = u128::from((random.next() >> 10) | (1 << 53) | 1);
                let scaled = half * 10_u128.pow(decimals as u32);
                let s = (128 - scaled.leading_zeros()).saturating_sub(55 + random.below(9) as u32);
                let nearest = (scaled >> s) as u64;
                for w in nearest.saturating_sub(1)..=nearest + 1 {
                    let expected: f64 = format!("{w}e-{decimals}").parse().unwrap();
                    assert_eq!(
                        over_power_of_ten(w, decimals).to_bits(),
                        expected.to_bits(),
                        "{w}e-{decimals}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused_where_it_stops_being_one() {
        for (text, missing) in [
            ("-", 1),
            ("1.", 2),
            ("1.x", 2),
            (".5", 0),
            ("1e", 2),
            ("1e+", 3),
            ("+1", 0),
            ("-x", 1),
            ("", 0),
            ("12345678901234567890.", 21),
            ("1.5e-]", 5),
        ] {
            for after in ["", "]]]]]]]]]]]]]]]]]]]]]]]]]]"] {
                assert_eq!(number(&format!("{text}{after}"), 0), Err(missing), "{text}{after}");
            }
        }
        // The number ends, and whoever reads on finds a digit or a letter that may not stand there.
        for (text, end) in [("01", 1), ("-01.5", 2), ("1.5.5", 3), ("1x", 1), ("00000000000000000000", 1)] {
            for after in ["", "]]]]]]]]]]]]]]]]]]]]]]]]]]"] {
                assert_eq!(number(&format!("{text}{after}"), 0).map(|found| found.1), Ok(end), "{text}");
            }
        }
    }
}
