//! The sum of floats as a value: exact while it grows, rounded once when it is read.
//!
//! ```text
//!   add ─▶ partial ─error─▶ partial ─error─▶ partial ─error─▶ partial ─error─▶ wide (2,176 bits, on the heap)
//!          └─────────────────── their real sum is the sum ────────────────────────────┘
//! ```
//!
//! A number is added to the first partial sum. What that addition rounds away is a float again (`two_sum`), which is
//! added to the second partial sum, and so on; nearly always the way ends after one or two steps. Four partial sums
//! hold some 170 bits below the highest bit of the sum, more than most measured or computed columns need. Only a column
//! of a wider range, or near the largest float, gets the wide integer, which holds every float and the sum of more
//! floats than can be stored. What enters is never lost, so neither the order nor the grouping of the numbers can be
//! seen in the rounded value.
//!
//! The chain of partial sums follows Ogita, Rump and Oishi, "Accurate sum and dot product" (2005), and Shewchuk,
//! "Adaptive precision floating-point arithmetic" (1997); reading them follows `math.fsum` of Python; the wide integer
//! is a superaccumulator as in Neal, "Fast exact summation using small and large superaccumulators" (2015).

/// The exact sum of floats, where numbers may also be taken out again.
///
/// Takes up 40 bytes, and none on the heap in the usual case.
#[derive(Clone, Debug, Default)]
pub struct ExactSum {
    /// Each below [`PARTIAL_LIMIT`]. They may overlap and have any signs; only their real sum means something.
    partials: [f64; PARTIALS],
    /// What the partial sums can't hold, to be added to them.
    beyond: Option<Box<Beyond>>,
}

/// The sum of what has no place in the partial sums.
#[derive(Clone, Debug, Default)]
struct Beyond {
    /// How many of each are in the sum. Signed, so that taking out may come before putting in.
    positive_infinities: i64,
    negative_infinities: i64,
    nans: i64,
    wide: Option<Box<Wide>>,
}

const PARTIALS: usize = 4;

/// 2^1020: the sum of all partial sums and one more number, and each step of [`two_sum`] on the way, stays finite.
/// (`two_sum` is exact if nothing in it overflows: Boldo, Graillat and Muller, "On the robustness of the 2Sum and
/// Fast2Sum algorithms", 2017. It is exact for subnormal numbers.)
const PARTIAL_LIMIT: f64 = f64::from_bits((1020 + 1023) << 52);

/// The one NaN that a sum gives: positive, quiet, without payload.
pub const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);

impl ExactSum {
    #[inline]
    pub fn add(&mut self, number: f64) {
        let mut rest = number;
        // False for what isn't finite, too.
        if rest.abs() < PARTIAL_LIMIT {
            for partial in &mut self.partials {
                let (sum, error) = two_sum(*partial, rest);
                if sum.abs() >= PARTIAL_LIMIT {
                    break;
                }
                *partial = sum;
                if error == 0.0 {
                    return;
                }
                rest = error;
            }
        }
        self.add_beyond(rest);
    }

    /// Takes out a number that was added or will be: the sum is what it would be without both.
    pub fn sub(&mut self, number: f64) {
        if number.is_finite() {
            self.add(-number);
        } else {
            self.beyond.get_or_insert_default().count(number, -1);
        }
    }

    /// Adds all that was added to another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        for partial in other.partials {
            self.add(partial);
        }
        let Some(theirs) = &other.beyond else { return };
        let ours = self.beyond.get_or_insert_default();
        ours.positive_infinities += theirs.positive_infinities;
        ours.negative_infinities += theirs.negative_infinities;
        ours.nans += theirs.nans;
        if let Some(wide) = &theirs.wide {
            ours.wide.get_or_insert_default().merge(wide);
        }
    }

    /// The sum as a float: the one nearest to the real sum, of two equally near ones the even one.
    ///
    /// It is infinite if the real sum rounds to beyond the largest float, or if infinities of one sign were added; NaN
    /// (always [`NAN`]) if a NaN was added, or infinities of both signs. A zero is positive whatever was added, also if
    /// it was only `-0.0`, as it is where a sum starts from `+0.0`.
    pub fn value(&self) -> f64 {
        match &self.beyond {
            None => round(&self.partials),
            Some(beyond) => beyond.value(&self.partials),
        }
    }

    /// The sum as bytes, for [`ExactSum::from_bytes`]. They depend on the order of additions; the value doesn't.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + size_of_val(&self.partials));
        self.write_bytes(&mut bytes);
        bytes
    }

    /// Appends what [`ExactSum::to_bytes`] gives: a byte that says what follows; the partial sums but zeros; the counts
    /// of what isn't finite; the wide integer. All in little-endian words of eight bytes.
    pub fn write_bytes(&self, bytes: &mut Vec<u8>) {
        let header_at = bytes.len();
        let mut header = 0;
        bytes.push(header);
        for partial in self.partials.iter().filter(|partial| **partial != 0.0) {
            header += 1;
            bytes.extend_from_slice(&partial.to_le_bytes());
        }
        if let Some(beyond) = &self.beyond {
            let counts = [beyond.positive_infinities, beyond.negative_infinities, beyond.nans];
            if counts != [0; 3] {
                header |= WITH_COUNTS;
                bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
            }
            if let Some(wide) = &beyond.wide {
                header |= WITH_WIDE;
                bytes.extend(wide.limbs.iter().flat_map(|limb| limb.to_le_bytes()));
            }
        }
        bytes[header_at] = header;
    }

    /// Reads what [`ExactSum::to_bytes`] wrote; nothing if it can't have written that.
    pub fn from_bytes(bytes: &[u8]) -> Option<ExactSum> {
        let (&header, words) = bytes.split_first()?;
        let partials = usize::from(header & !(WITH_COUNTS | WITH_WIDE));
        let (words, []) = words.as_chunks::<8>() else { return None };
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        if partials > PARTIALS {
            return None;
        }
        let mut sum = ExactSum::default();
        for partial in &mut sum.partials[..partials] {
            *partial = f64::from_bits(words.next()?);
            if partial.is_nan() || partial.abs() >= PARTIAL_LIMIT {
                return None;
            }
        }
        if header & WITH_COUNTS != 0 {
            let beyond = sum.beyond.get_or_insert_default();
            beyond.positive_infinities = words.next()?.cast_signed();
            beyond.negative_infinities = words.next()?.cast_signed();
            beyond.nans = words.next()?.cast_signed();
        }
        if header & WITH_WIDE != 0 {
            let wide = sum.beyond.get_or_insert_default().wide.get_or_insert_default();
            for limb in &mut wide.limbs {
                *limb = words.next()?;
            }
        }
        words.next().is_none().then_some(sum)
    }

    /// The bytes that it holds on the heap. They never get fewer.
    pub fn size(&self) -> usize {
        let Some(beyond) = &self.beyond else { return 0 };
        size_of::<Beyond>() + if beyond.wide.is_some() { size_of::<Wide>() } else { 0 }
    }

    /// Adds a number that the partial sums can't take.
    #[cold]
    fn add_beyond(&mut self, number: f64) {
        let beyond = self.beyond.get_or_insert_default();
        if number.is_finite() {
            beyond.wide.get_or_insert_default().add(number);
        } else {
            beyond.count(number, 1);
        }
    }
}

/// Bits of the first byte; the bits below them count partial sums.
const WITH_COUNTS: u8 = 0x10;
const WITH_WIDE: u8 = 0x20;

impl Beyond {
    /// Counts a number that isn't finite, as often as it says.
    fn count(&mut self, number: f64, times: i64) {
        let count = if number.is_nan() {
            &mut self.nans
        } else if number > 0.0 {
            &mut self.positive_infinities
        } else {
            &mut self.negative_infinities
        };
        *count += times;
    }

    fn value(&self, partials: &[f64; PARTIALS]) -> f64 {
        match (self.positive_infinities != 0, self.negative_infinities != 0) {
            _ if self.nans != 0 => NAN,
            (true, true) => NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => match &self.wide {
                None => round(partials),
                Some(wide) => {
                    let mut total = Wide::clone(wide);
                    partials.iter().for_each(|partial| total.add(*partial));
                    total.value()
                }
            },
        }
    }
}

/// The rounded sum of two numbers, and exactly what rounding lost (Knuth, Møller).
#[inline]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_in_sum = sum - a;
    let error = (a - (sum - b_in_sum)) + (b - b_in_sum);
    (sum, error)
}

/// The rounded sum of numbers below [`PARTIAL_LIMIT`]; `+0.0` if it is zero.
fn round(partials: &[f64; PARTIALS]) -> f64 {
    // The same sum as numbers without zeros, each smaller than the lowest bit of the next.
    let mut expansion = [0.0; PARTIALS];
    let mut length = 0;
    for &partial in partials {
        let mut carried = partial;
        let mut kept = 0;
        for index in 0..length {
            let (sum, error) = two_sum(carried, expansion[index]);
            carried = sum;
            if error != 0.0 {
                expansion[kept] = error;
                kept += 1;
            }
        }
        length = kept;
        if carried != 0.0 {
            expansion[length] = carried;
            length += 1;
        }
    }

    // From the largest down, until a bit is lost. All below that is too small to matter, unless the lost part is half
    // a step of the result: then its sign says which way the tie breaks.
    let Some(mut index) = length.checked_sub(1) else { return 0.0 };
    let mut sum = expansion[index];
    let mut lost = 0.0;
    while index > 0 && lost == 0.0 {
        index -= 1;
        (sum, lost) = two_sum(sum, expansion[index]);
    }
    if index > 0 && (lost < 0.0) == (expansion[index - 1] < 0.0) {
        let step = lost * 2.0;
        let other = sum + step;
        if other - sum == step {
            return other;
        }
    }
    sum
}

/// A sum of finite floats as a fixed-point number: an integer of 2,176 bits in two's complement, times 2^-1074.
///
/// The largest float is below bit 2,098. That leaves room for the sum of 2^77 of them.
#[derive(Clone, Debug)]
struct Wide {
    /// From low to high.
    limbs: [u64; LIMBS],
}

const LIMBS: usize = 34;

impl Default for Wide {
    fn default() -> Self {
        Wide { limbs: [0; LIMBS] }
    }
}

impl Wide {
    /// Adds a finite number.
    fn add(&mut self, number: f64) {
        let bits = number.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let exponent = (bits >> 52) & 0x7ff;
        // The number is significand · 2^(shift - 1074).
        let (significand, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | (1 << 52), exponent as usize - 1) };
        let step: fn(u64, u64) -> (u64, bool) =
            if number.is_sign_negative() { u64::overflowing_sub } else { u64::overflowing_add };

        // The shift of a finite number is at most 2,045, so there is always a next limb.
        let placed = u128::from(significand) << (shift % 64);
        let limb = shift / 64;
        let (low, overflowed) = step(self.limbs[limb], placed as u64);
        self.limbs[limb] = low;
        // The upper half is below 2^52, so that it can take the carry.
        let mut carried = (placed >> 64) as u64 + u64::from(overflowed);
        for limb in &mut self.limbs[limb + 1..] {
            if carried == 0 {
                break;
            }
            let (sum, overflowed) = step(*limb, carried);
            *limb = sum;
            carried = u64::from(overflowed);
        }
    }

    fn merge(&mut self, other: &Wide) {
        let mut carry = false;
        for (ours, theirs) in self.limbs.iter_mut().zip(&other.limbs) {
            let (sum, first) = ours.overflowing_add(*theirs);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *ours = sum;
            carry = first || second;
        }
    }

    /// The nearest float, of two equally near ones the even one; `+0.0` for zero.
    fn value(mut self) -> f64 {
        let negative = self.limbs[LIMBS - 1] >> 63 == 1;
        if negative {
            self.negate();
        }
        let Some(top) = self.limbs.iter().rposition(|limb| *limb != 0) else { return 0.0 };
        let highest = top * 64 + self.limbs[top].ilog2() as usize;

        // The bits from `cut` on are kept: 53 of them, or all of a number that small.
        let cut = highest.saturating_sub(52);
        let next = self.limbs.get(cut / 64 + 1).copied().unwrap_or(0);
        let kept = (((u128::from(next) << 64) | u128::from(self.limbs[cut / 64])) >> (cut % 64)) as u64;
        let up = cut > 0 && self.bit(cut - 1) && (kept & 1 == 1 || self.any_bit_below(cut - 1));

        // As the bits of a float, exponent and fraction are one number: a carry out of the fraction is right in the
        // exponent, and what passes the largest float is infinite.
        let bits = ((cut as u64) << 52) + kept + u64::from(up);
        let magnitude = f64::from_bits(bits.min(f64::INFINITY.to_bits()));
        if negative { -magnitude } else { magnitude }
    }

    fn negate(&mut self) {
        let mut carry = true;
        for limb in &mut self.limbs {
            let (negated, overflowed) = (!*limb).overflowing_add(u64::from(carry));
            *limb = negated;
            carry = overflowed;
        }
    }

    fn bit(&self, index: usize) -> bool {
        (self.limbs[index / 64] >> (index % 64)) & 1 == 1
    }

    fn any_bit_below(&self, index: usize) -> bool {
        let (limb, offset) = (index / 64, index % 64);
        self.limbs[limb] & ((1 << offset) - 1) != 0 || self.limbs[..limb].iter().any(|limb| *limb != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of finite numbers, bit by bit: entry `i` says how often ±2^(i - 1074) is in it.
    struct Reference {
        bits: Vec<i64>,
    }

    impl Reference {
        fn of(numbers: &[f64]) -> Reference {
            let mut bits = vec![0; 2200];
            for number in numbers {
                let sign = if number.is_sign_negative() { -1 } else { 1 };
                let exponent = (number.to_bits() >> 52) & 0x7ff;
                let fraction = number.to_bits() & 0x000f_ffff_ffff_ffff;
                let significand = if exponent == 0 { fraction } else { fraction + 0x0010_0000_0000_0000 };
                for place in 0..53 {
                    if (significand >> place) & 1 == 1 {
                        bits[exponent.saturating_sub(1) as usize + place] += sign;
                    }
                }
            }
            Reference { bits }
        }

        fn value(mut self) -> f64 {
            let negative = self.carry() < 0;
            if negative {
                // The bits stand for 2^2200 more than the sum; negated, for 2^2200 less than its magnitude.
                self.bits.iter_mut().for_each(|bit| *bit = -*bit);
                assert_eq!(self.carry(), -1);
            }
            let Some(highest) = self.bits.iter().rposition(|bit| *bit == 1) else { return 0.0 };
            let cut = highest.saturating_sub(52);
            let mut significand: u64 = (cut..=highest).map(|place| (self.bits[place] as u64) << (place - cut)).sum();
            if cut > 0 && self.bits[cut - 1] == 1 {
                let above_half = self.bits[..cut - 1].contains(&1);
                significand += u64::from(above_half || significand % 2 == 1);
            }
            let mut magnitude = significand as f64 * f64::from_bits(1);
            for _ in 0..cut {
                magnitude *= 2.0;
            }
            if negative { -magnitude } else { magnitude }
        }

        /// Makes all entries 0 or 1; gives what is carried out at the top, -1 for a negative sum.
        fn carry(&mut self) -> i64 {
            let mut carry = 0;
            for bit in &mut self.bits {
                let total = *bit + carry;
                *bit = total.rem_euclid(2);
                carry = total.div_euclid(2);
            }
            carry
        }
    }

    /// Numbers that look random, and are the same in every run.
    struct Numbers(u64);

    impl Numbers {
        fn word(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.0 ^ (self.0 >> 32)
        }

        fn below(&mut self, bound: usize) -> usize {
            (self.word() >> 33) as usize % bound
        }

        /// A float of either sign whose biased exponent lies in the range.
        fn float(&mut self, exponents: (usize, usize)) -> f64 {
            let exponent = exponents.0 + self.below(exponents.1 - exponents.0 + 1);
            let fraction = match self.below(4) {
                0 => 0,
                1 => 0x000f_ffff_ffff_ffff,
                _ => self.word() >> 12,
            };
            f64::from_bits(((self.word() & 1) << 63) | ((exponent as u64) << 52) | fraction)
        }

        fn floats(&mut self, count: usize, exponents: (usize, usize)) -> Vec<f64> {
            (0..count).map(|_| self.float(exponents)).collect()
        }

        fn shuffle(&mut self, floats: &mut [f64]) {
            for index in (1..floats.len()).rev() {
                floats.swap(index, self.below(index + 1));
            }
        }
    }

    /// Ranges of biased exponents: near one; a measured column; more than the partial sums hold; at both ends; all.
    const RANGES: [(usize, usize); 8] =
        [(1023, 1023), (1000, 1045), (950, 1100), (700, 1400), (0, 1), (0, 60), (2030, 2046), (0, 2046)];

    fn sum_of(floats: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        floats.iter().for_each(|float| sum.add(*float));
        sum
    }

    #[track_caller]
    fn check(floats: &[f64], expected: f64) {
        let value = sum_of(floats).value();
        assert_eq!(value.to_bits(), expected.to_bits(), "{value:e} for {expected:e}, the sum of {floats:?}");
    }

    /// Checks a sum in both of its forms: in partial sums, and in the wide integer.
    #[track_caller]
    fn check_both(floats: &[f64], expected: f64) {
        check(floats, expected);
        let wide: Vec<f64> = [f64::MAX].iter().chain(floats).chain(&[-f64::MAX]).copied().collect();
        check(&wide, expected);
        let negated: Vec<f64> = wide.iter().map(|float| -float).collect();
        check(&negated, if expected == 0.0 { 0.0 } else { -expected });
    }

    #[test]
    fn sums_are_the_rounded_real_sums() {
        let mut numbers = Numbers(1);
        for exponents in RANGES {
            for count in [1, 2, 3, 5, 8, 30] {
                for _ in 0..10 {
                    let floats = numbers.floats(count, exponents);
                    check(&floats, Reference::of(&floats).value());
                }
            }
        }
    }

    #[test]
    fn the_order_does_not_matter() {
        let mut numbers = Numbers(2);
        for exponents in RANGES {
            let mut floats = numbers.floats(300, exponents);
            let expected = Reference::of(&floats).value();
            for _ in 0..5 {
                check(&floats, expected);
                numbers.shuffle(&mut floats);
            }
            floats.sort_by(f64::total_cmp);
            check(&floats, expected);
        }
    }

    #[test]
    fn what_cancels_leaves_the_rest() {
        check_both(&[1e300, 1.0, -1e300], 1.0);
        check_both(&[1e16, 1.0, 1e-16, -1e16], 1.0);
        check_both(&[1e100, 1e50, 1.0, 1e-50, 1e-100, -1e100, -1e50, -1.0, -1e-50], 1e-100);

        let mut numbers = Numbers(3);
        for exponents in RANGES {
            let small = numbers.float((0, 1023));
            let mut floats = numbers.floats(100, exponents);
            floats.extend(floats.clone().iter().map(|float| -float));
            floats.push(small);
            numbers.shuffle(&mut floats);
            check(&floats, small + 0.0);
        }
    }

    #[test]
    fn only_the_result_overflows() {
        check(&[1e308, 1e308, -1e308], 1e308);
        check(&[f64::MAX, f64::MAX, -f64::MAX, -f64::MAX, 0.1], 0.1);
        check(&[f64::MAX, f64::MAX], f64::INFINITY);
        check(&[f64::MIN, f64::MIN], f64::NEG_INFINITY);
        // Half a step above the largest float is a tie, and the even neighbour is infinite.
        let half_step = f64::from_bits((970 + 1023) << 52);
        check(&[f64::MAX, half_step], f64::INFINITY);
        check(&[f64::MAX, half_step, -f64::from_bits(1)], f64::MAX);
        check(&[PARTIAL_LIMIT; 7], PARTIAL_LIMIT * 7.0);
        check(&[PARTIAL_LIMIT.next_down(); 3], PARTIAL_LIMIT.next_down() * 3.0);
    }

    #[test]
    fn ties_go_to_even_and_the_least_bit_breaks_them() {
        let (half, least) = (f64::EPSILON / 2.0, f64::from_bits(1));
        check_both(&[1.0, half], 1.0);
        check_both(&[1.0, half, least], 1.0 + f64::EPSILON);
        check_both(&[1.0, half, -least], 1.0);
        check_both(&[1.0 + f64::EPSILON, half], 1.0 + 2.0 * f64::EPSILON);
        check_both(&[1.0 + f64::EPSILON, half, -least], 1.0 + f64::EPSILON);
        // Below a power of two, a step is half as long.
        check_both(&[1.0, -half / 2.0], 1.0);
        check_both(&[1.0, -half / 2.0, -least], 1.0 - half);
        check_both(&[least, least, least], f64::from_bits(3));
        check_both(&[f64::MIN_POSITIVE, -least], f64::from_bits(f64::MIN_POSITIVE.to_bits() - 1));
    }

    #[test]
    fn zeros_are_positive() {
        check(&[], 0.0);
        check(&[-0.0], 0.0);
        check(&[-0.0, -0.0], 0.0);
        check_both(&[1.5, -1.5], 0.0);
        check_both(&[-0.0, 1e-300, -1e-300, -0.0], 0.0);
    }

    #[test]
    fn infinities_and_nans_come_and_go() {
        let mut sum = sum_of(&[1.5, f64::INFINITY]);
        assert_eq!(sum.value(), f64::INFINITY);
        sum.add(f64::NEG_INFINITY);
        assert_eq!(sum.value().to_bits(), NAN.to_bits());
        sum.sub(f64::INFINITY);
        assert_eq!(sum.value(), f64::NEG_INFINITY);
        sum.add(f64::from_bits(0xfff0_0000_0000_0001));
        assert_eq!(sum.value().to_bits(), NAN.to_bits());
        sum.sub(f64::NAN);
        sum.sub(f64::NEG_INFINITY);
        assert_eq!(sum.value(), 1.5);

        let mut early = ExactSum::default();
        early.sub(f64::INFINITY);
        early.merge(&sum_of(&[f64::INFINITY, 2.0]));
        assert_eq!(early.value(), 2.0);
    }

    #[test]
    fn what_is_taken_out_leaves_no_trace() {
        let mut numbers = Numbers(4);
        for exponents in RANGES {
            let floats = numbers.floats(150, exponents);
            let mut sum = ExactSum::default();
            for (end, float) in floats.iter().enumerate() {
                sum.add(*float);
                let start = (end + 1).saturating_sub(7);
                if start > 0 {
                    sum.sub(floats[start - 1]);
                }
                let expected = Reference::of(&floats[start..=end]).value();
                assert_eq!(sum.value().to_bits(), expected.to_bits(), "{:?}", &floats[start..=end]);
            }
        }
    }

    #[test]
    fn parts_merge_to_the_whole_through_bytes_or_without() {
        let mut numbers = Numbers(5);
        for exponents in RANGES {
            for special in [None, Some(f64::INFINITY), Some(NAN)] {
                let mut floats = numbers.floats(200, exponents);
                let expected = special.unwrap_or_else(|| Reference::of(&floats).value());
                floats.extend(special);
                let mut parts = vec![ExactSum::default(); 9];
                for float in &floats {
                    parts[numbers.below(9)].add(*float);
                }
                let (mut merged, mut read) = (ExactSum::default(), ExactSum::default());
                for part in &parts {
                    merged.merge(part);
                    let copy = ExactSum::from_bytes(&part.to_bytes()).expect("these are bytes of a sum");
                    assert_eq!(copy.value().to_bits(), part.value().to_bits());
                    read.merge(&copy);
                }
                assert_eq!(merged.value().to_bits(), expected.to_bits());
                assert_eq!(read.value().to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn bytes_of_nothing_else_are_refused() {
        let bytes = sum_of(&[1.0, f64::EPSILON / 4.0]).to_bytes();
        assert_eq!(bytes.len(), 17);
        assert!(ExactSum::from_bytes(&bytes).is_some());
        assert!(ExactSum::from_bytes(&bytes[..16]).is_none());
        assert!(ExactSum::from_bytes(&bytes[..9]).is_none());
        assert!(ExactSum::from_bytes(&[bytes.as_slice(), &[0; 8]].concat()).is_none());
        assert!(ExactSum::from_bytes(&[]).is_none());
        assert!(ExactSum::from_bytes(&[0x05]).is_none());
        assert!(ExactSum::from_bytes(&[0x40]).is_none());
        assert!(ExactSum::from_bytes(&[[0x01_u8].as_slice(), &f64::NAN.to_le_bytes()].concat()).is_none());
        assert!(ExactSum::from_bytes(&[[0x01_u8].as_slice(), &PARTIAL_LIMIT.to_le_bytes()].concat()).is_none());
        assert_eq!(ExactSum::from_bytes(&ExactSum::default().to_bytes()).map(|sum| sum.value()), Some(0.0));
    }

    #[test]
    fn the_usual_sum_is_small() {
        assert_eq!(size_of::<ExactSum>(), 40);
        let mut numbers = Numbers(6);
        let mut sum = ExactSum::default();
        for _ in 0..100_000 {
            sum.add(numbers.below(100_000_000) as f64 / 100.0);
            sum.add(numbers.float((1003, 1043)));
        }
        assert_eq!(sum.size(), 0);
        sum.add(1e308);
        assert!((1..500).contains(&sum.size()));
    }
}
